// Starts the GitHub emulator on loopback; prints its tokens and pull requests as one JSON line.
import { createSign } from "node:crypto";
import net from "node:net";
import { createEmulator } from "emulate";

// It would listen on all interfaces.
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, port, "127.0.0.1", ...rest.filter((each) => typeof each === "function"));
};

const port = Number(process.argv[2]);
const url = `http://127.0.0.1:${port}`;
const permissions = { pull_requests: "write", issues: "write", contents: "read", actions: "read" };
const emulator = await createEmulator({
  service: "github",
  port,
  baseUrl: url,
  seed: {
    tokens: {
      octocat: { login: "octocat", scopes: ["repo"] },
      stranger: { login: "stranger", scopes: ["repo"] },
    },
    github: {
      users: [{ login: "octocat" }, { login: "stranger" }],
      repos: [{ owner: "octocat", name: "project" }],
      apps: [
        {
          app_id: 1,
          slug: "github-actions",
          name: "GitHub Actions",
          permissions,
          installations: [{ installation_id: 1, account: "octocat", permissions }],
        },
      ],
    },
  },
});

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const now = Math.floor(Date.now() / 1000);
const claims = `${encoded({ alg: "RS256", typ: "JWT" })}.${encoded({ iat: now, exp: now + 500, iss: "1" })}`;
const signature = createSign("RSA-SHA256")
  .update(claims)
  .sign(emulator.generatedSecrets[0].value, "base64url");

async function ask(path, authorization, body, method = "POST") {
  const answer = await fetch(url + path, {
    method,
    headers: { authorization, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text && JSON.parse(text);
}

await ask("/repos/octocat/project/forks", "token stranger", {});

const mint = async (asked) =>
  (
    await ask("/app/installations/1/access_tokens", `Bearer ${claims}.${signature}`, {
      permissions: asked,
    })
  ).token;

console.log(
  JSON.stringify({
    url,
    write: await mint({ pull_requests: "write", actions: "read" }),
    read: await mint({ pull_requests: "read", contents: "read" }),
  }),
);
process.stdin.resume().on("end", () => process.exit());
