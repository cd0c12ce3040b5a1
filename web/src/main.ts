// Puts the page together. A view is an entry of the list below (View of interface.ts); what charts/, map/ and past/ export is in
// their index.ts. README.md says how a view is made.
import "./style/tokens.css";
import "./style/page.css";
import "./style/grid.css";
import { App } from "./app.ts";
import { PageShell } from "./shell/shell.ts";
import { connections, hosts, interfaces, listeners, processesView } from "./views/views.ts";
import { mapView } from "./map/index.ts";
import { historyView, newsView } from "./past/index.ts";

const views = [connections, processesView, listeners, hosts, interfaces, mapView, historyView, newsView];

const app = new App();
app.shell = new PageShell(app, views);
await app.enter();
app.start();
