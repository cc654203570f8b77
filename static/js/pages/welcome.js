// @ts-check
/** The page of those who are not signed in. */

import { startShell } from "./shell.js";

startShell();
