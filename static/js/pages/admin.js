// @ts-check
/** Operators' pages: what would not be seen in names and texts is marked there too. */

import { markPage } from "../ui/invisible_characters.js";

markPage(document.body);
