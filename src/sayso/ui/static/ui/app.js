// Behaviour that pages share. Every page works without it; this only makes it quicker.
import { closeMenus } from "./menus.js";
import { keys } from "./keys.js";
import { live } from "./live.js";
import { forms } from "./forms.js";

closeMenus(document);
keys(document);
live(document);
forms(document);
