/* agentsite-vendor-1.0.0: licences in agentsite-vendor-1.0.0.LICENSES.txt; made by deploy/vendor */
import{a,b,c,d}from"./agentsite-vendor-1.0.0-chunk-2E63AWLQ.js";import"./agentsite-vendor-1.0.0-chunk-QXEJ32A4.js";import"./agentsite-vendor-1.0.0-chunk-YFSW2WEI.js";export{d as css,b as cssCompletionSource,c as cssLanguage,a as defineCSSCompletionSource};
