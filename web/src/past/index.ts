import "./past.css";
export { slider } from "./slider.ts";
export { historyView } from "./history.ts";
export { newsView } from "./news.ts";
