// Lets Node 20 import JSON files as @actions/workflow-parser does, without an attribute.
import { register } from "node:module";

const hook = `
import fs from "node:fs";
export async function load(url, context, next) {
  if (!url.startsWith("file:") || !url.endsWith(".json")) return next(url, context);
  return { format: "json", shortCircuit: true, source: fs.readFileSync(new URL(url), "utf8") };
}`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
