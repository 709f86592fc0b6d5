// Runs a composite action on this host: GitHub's own parser and evaluator, and doubles of `uses:`.
// Reads the job as JSON from stdin, and prints what became of it as JSON.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { randomUUID } from "node:crypto";
import { data, Evaluator, Lexer, Parser } from "@actions/expressions";
import { NoOperationTraceWriter } from "@actions/workflow-parser";
import { convertActionTemplate, parseAction } from "@actions/workflow-parser/actions/index";

const job = JSON.parse(fs.readFileSync(0, "utf8"));
const file = path.join(job.action, "action.yml");
const parsed = parseAction(
  { name: file, content: fs.readFileSync(file, "utf8") },
  new NoOperationTraceWriter(),
);
const problems = parsed.context.errors.getErrors().map((error) => error.message);
if (problems.length) throw new Error(problems.join("\n"));
const template = convertActionTemplate(parsed.context, parsed.value);

// The model leaves out `with`: it is read from what was parsed.
const at = (token, name) => {
  for (let index = 0; token && index < token.count; index++) {
    if (token.get(index).key.toString() === name) return token.get(index).value;
  }
};
const written = at(at(parsed.value, "runs"), "steps");

const steps = {};
let status = "success";
const outcome = {
  steps: [],
  log: [],
  errors: [], // lines of stderr, which the runner reads apart from stdout: it may obey them late
  commands: [],
  words: [], // that end a value or a silence
  summary: "",
  outputs: {},
  status,
};

const contexts = () => ({
  inputs,
  steps,
  github: job.github,
  runner: { temp: job.temp, os: "Linux", arch: "X64" },
  env: {},
});

function evaluated(expression) {
  const known = contexts();
  const lexed = new Lexer(expression).lex();
  const states = ["success", "failure", "cancelled", "always"].map((name) => ({
    name,
    minArgs: 0,
    maxArgs: 0,
    call: () => new data.BooleanData(name === "always" || name === status),
  }));
  const tree = new Parser(lexed.tokens, Object.keys(known), states).parse();
  const values = JSON.parse(JSON.stringify(known), data.reviver);
  return new Evaluator(tree, values, new Map(states.map((each) => [each.name, each]))).evaluate();
}

function text(token) {
  if (token === undefined) return "";
  return token.expression === undefined
    ? token.toString()
    : evaluated(token.expression).coerceString();
}

function mapping(token) {
  const found = {};
  for (let index = 0; token && index < token.count; index++) {
    const pair = token.get(index);
    found[pair.key.toString()] = text(pair.value);
  }
  return found;
}

const inputs = {};
for (const input of template.inputs ?? []) {
  inputs[input.id] = job.inputs[input.id] ?? text(input.default);
}
for (const name of Object.keys(job.inputs)) {
  if (!(name in inputs)) throw new Error(`no input ${name}`);
}

// As the runner: commands at the start of a line after white space, or ##[ anywhere in it.
function obey(line) {
  const found = /^\s*::([\w-]+)(?: ([^:]*(?::(?!:)[^:]*)*))?::(.*)$/.exec(line);
  const legacy = /##\[([\w-]+)([^\]]*)\](.*)/.exec(line);
  if (obey.stopped !== null) {
    if (found && found[1] === obey.stopped) obey.stopped = null;
    return;
  }
  const [, name, properties, message] = found ?? legacy ?? [];
  if (name === undefined) return;
  if (name === "stop-commands") {
    obey.stopped = message;
    outcome.words.push(message);
  } else outcome.commands.push({ name, properties: properties ?? "", message });
}
obey.stopped = null;

function assignments(content) {
  const found = {};
  const lines = content.split("\n");
  while (lines.length) {
    const line = lines.shift();
    const heredoc = /^([^=]+?)<<(.+)$/.exec(line);
    if (heredoc) {
      outcome.words.push(heredoc[2]);
      const end = lines.indexOf(heredoc[2]);
      found[heredoc[1]] = lines.splice(0, end + 1).slice(0, -1).join("\n");
    } else if (line.includes("=")) {
      found[line.slice(0, line.indexOf("="))] = line.slice(line.indexOf("=") + 1);
    }
  }
  return found;
}

function run(step, env) {
  const names = ["OUTPUT", "STEP_SUMMARY", "ENV", "PATH", "STATE"];
  const files = Object.fromEntries(
    names.map((name) => [`GITHUB_${name}`, path.join(job.temp, `_${name}-${randomUUID()}`)]),
  );
  Object.values(files).forEach((each) => fs.writeFileSync(each, ""));
  const log = path.join(job.temp, `_log-${randomUUID()}`);
  const output = fs.openSync(log, "w");
  const errors = path.join(job.temp, `_errors-${randomUUID()}`);
  const stderr = fs.openSync(errors, "w");
  const done = spawnSync("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", text(step.run)], {
    cwd: job.workspace,
    env: { ...job.env, GITHUB_ACTION_PATH: job.action, RUNNER_TEMP: job.temp, ...files, ...env },
    stdio: ["ignore", output, stderr],
  });
  [output, stderr].forEach((each) => fs.closeSync(each));
  const lines = fs.readFileSync(log, "utf8").split("\n");
  outcome.log.push(...lines);
  lines.forEach(obey);
  outcome.errors.push(...fs.readFileSync(errors, "utf8").split("\n").filter(Boolean));
  outcome.summary += fs.readFileSync(files.GITHUB_STEP_SUMMARY, "utf8");
  return { status: done.status, outputs: assignments(fs.readFileSync(files.GITHUB_OUTPUT, "utf8")) };
}

const archive = (name) => path.join(job.store, name);
const DOUBLES = {
  "actions/cache/restore": ({ path: folder, key }) => {
    const hit = fs.existsSync(archive(`cache-${key}`));
    if (hit) fs.cpSync(archive(`cache-${key}`), folder, { recursive: true });
    return { "cache-hit": String(hit) };
  },
  "actions/cache/save": ({ path: folder, key }) => {
    fs.cpSync(folder, archive(`cache-${key}`), { recursive: true });
    return {};
  },
  "actions/upload-artifact": ({ name, path: source, archive: zipped }) => {
    if (zipped === "false") name = path.basename(source);
    if (!fs.existsSync(source)) throw new Error(`no files found: ${source}`);
    const target = archive(`artifact-${name}`);
    fs.mkdirSync(target); // a name twice is an error
    const whole = fs.statSync(source).isDirectory();
    fs.cpSync(source, whole ? target : path.join(target, path.basename(source)), {
      recursive: true,
    });
    return {};
  },
  "actions/download-artifact": ({ pattern, path: folder }) => {
    const prefix = `artifact-${pattern.slice(0, -1)}`;
    for (const name of fs.readdirSync(job.store).filter((each) => each.startsWith(prefix))) {
      const target = path.join(folder, name.slice("artifact-".length));
      fs.cpSync(archive(name), target, { recursive: true });
    }
    return {};
  },
};

for (const [number, step] of template.runs.steps.entries()) {
  const label = step.name?.toString() ?? step.id;
  const condition = step.if?.expression ?? step.if?.toString();
  const guarded = /\b(?:always|failure|cancelled|success)\(\)/.test(condition ?? "");
  const due = evaluated(
    guarded ? condition : `success()${condition ? ` && (${condition})` : ""}`,
  ).coerceString();
  if (!["false", "", "0"].includes(due)) {
    let result;
    if (step.uses) {
      const [name, pin] = step.uses.value.split("@");
      if (!/^[0-9a-f]{40}$/.test(pin)) throw new Error(`${step.uses.value} is not pinned`);
      result = { status: 0, outputs: DOUBLES[name](mapping(at(written.get(number), "with"))) };
    } else {
      result = run(step, mapping(step.env));
    }
    if (step.id) steps[step.id] = { outputs: result.outputs };
    outcome.steps.push({ name: label, status: result.status });
    if (result.status !== 0) {
      status = "failure";
      outcome.exit = result.status;
    }
  }
}
outcome.status = status;
outcome.exit ??= 0;
for (const output of template.outputs ?? []) outcome.outputs[output.id] = text(output.value);
console.log(JSON.stringify(outcome));
