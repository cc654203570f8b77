/* agentsite-vendor-1.2.0: licences in agentsite-vendor-1.2.0.LICENSES.txt; made by deploy/vendor */
import{a,b,c,d}from"./agentsite-vendor-1.2.0-chunk-VM6PSHAU.js";import"./agentsite-vendor-1.2.0-chunk-TNPBZANS.js";import"./agentsite-vendor-1.2.0-chunk-3BHQ5PHS.js";export{d as css,b as cssCompletionSource,c as cssLanguage,a as defineCSSCompletionSource};
