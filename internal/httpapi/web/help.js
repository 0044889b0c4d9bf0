// @ts-check
// Adds the list of keys to the help page.

import { $ } from "./dom.js";
import { shortcuts } from "./shortcuts.js";

$("keys").append(shortcuts());
