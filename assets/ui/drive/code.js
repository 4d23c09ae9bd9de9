// A file's way into the drive from code; the key comes from the environment.
import { asked } from "./files";

const NAME = "photo.jpg";
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const escaped = (path) => path.split("/").map((part) => encodeURIComponent(part).replaceAll("'", "%27")).join("/");

/** `{curl, python, terminal, typescript, mcp}`; `folder` is empty or ends with a slash. */
export function codeOf(origin, folder) {
  const path = folder.startsWith("drive/") ? asked(folder + NAME) : folder + NAME, address = `${origin}/v1/drive/files/${escaped(asked(folder + NAME))}`;
  const server = { mcpServers: { puras: { url: `${origin}/mcp`, headers: { Authorization: "Bearer ${env:PURAS_API_KEY}" } } } };
  return {
    curl: `curl ${address} \\\n  -H "Authorization: Bearer $PURAS_API_KEY" --upload-file ${NAME}`,
    python: `import os\nfrom puras import Client\n\nclient = Client(os.environ["PURAS_API_KEY"], api_base="${origin}")\nprint(client.upload("${NAME}", ${JSON.stringify(path)}))`,
    terminal: `export PURAS_API_BASE=${origin}  # the key stands in PURAS_API_KEY\npuras drive cp ${NAME} ${quoted(`drive:${path}`)}`,
    typescript: `import { readFile } from "node:fs/promises";\n\nconst answer = await fetch("${address}", {\n  method: "PUT",\n  headers: { Authorization: \`Bearer \${process.env.PURAS_API_KEY}\` },\n  body: await readFile("${NAME}"),\n});\nif (!answer.ok) throw new Error((await answer.json()).detail);\nconsole.log(await answer.json());`,
    mcp: `// .cursor/mcp.json; docs/reference/mcp.md has those of other editors\n${JSON.stringify(server, null, 2)}\n\n// what the agent then calls\n${JSON.stringify({ name: "drive_upload", arguments: { path: `${folder}hello.txt`, text: "Hello" } }, null, 2)}`,
  };
}
