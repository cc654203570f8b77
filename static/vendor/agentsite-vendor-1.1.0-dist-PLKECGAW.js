/* agentsite-vendor-1.1.0: licences in agentsite-vendor-1.1.0.LICENSES.txt; made by deploy/vendor */
import{a,b,c,d}from"./agentsite-vendor-1.1.0-chunk-XSBO5THZ.js";import"./agentsite-vendor-1.1.0-chunk-GVFXSRT5.js";import"./agentsite-vendor-1.1.0-chunk-ANSNUTUB.js";export{d as css,b as cssCompletionSource,c as cssLanguage,a as defineCSSCompletionSource};
