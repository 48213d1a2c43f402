// @ts-check
/** The studio: what stands where, and who tells whom. */
import { keepDoor } from "./door.js";
import { byId } from "./element.js";
import { followLanguage } from "./language.js";
import { isOperator } from "./session.js";
import { Shelf } from "./shelf.js";
import { Updates } from "./updates.js";

followLanguage(byId("language"));
const shelf = new Shelf();
const updates = new Updates(shelf);

keepDoor({
  behind: byId("studio"),
  enter: () => {
    byId("to-operators").hidden = !isOperator();
    updates.begin();
  },
  leave: () => {
    updates.end();
    shelf.clear();
    byId("to-operators").hidden = true;
  },
});
