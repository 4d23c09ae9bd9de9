// Code that uploads a file to the drive; the API key comes from the environment.
import { rooted } from "./files";

const NAME = "photo.jpg";
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
const escaped = (path: string) => path.split("/").map((part) => encodeURIComponent(part).replaceAll("'", "%27")).join("/");

/** `{curl, python, terminal, typescript, mcp}`; `folder` is empty or ends with a slash. */
export function codeOf(origin: string, folder: string) {
  const path = folder.startsWith("drive/") ? rooted(folder + NAME) : folder + NAME, url = `${origin}/v1/drive/files/${escaped(rooted(folder + NAME))}`;
  const server = { mcpServers: { puras: { url: `${origin}/mcp`, headers: { Authorization: "Bearer ${env:PURAS_API_KEY}" } } } };
  return {
    curl: `curl ${url} \\\n  -H "Authorization: Bearer $PURAS_API_KEY" --upload-file ${NAME}`,
    python: `import os\nfrom puras import Client\n\nclient = Client(os.environ["PURAS_API_KEY"], api_base="${origin}")\nprint(client.upload("${NAME}", ${JSON.stringify(path)}))`,
    terminal: `export PURAS_API_BASE=${origin}  # PURAS_API_KEY contains the API key\npuras drive cp ${NAME} ${quoted(`drive:${path}`)}`,
    typescript: `import { readFile } from "node:fs/promises";\n\nconst response = await fetch("${url}", {\n  method: "PUT",\n  headers: { Authorization: \`Bearer \${process.env.PURAS_API_KEY}\` },\n  body: await readFile("${NAME}"),\n});\nif (!response.ok) throw new Error((await response.json()).detail);\nconsole.log(await response.json());`,
    mcp: `// .cursor/mcp.json; for other editors see docs/reference/mcp.md\n${JSON.stringify(server, null, 2)}\n\n// the tool call of the agent\n${JSON.stringify({ name: "drive_upload", arguments: { path: `${folder}hello.txt`, text: "Hello" } }, null, 2)}`,
  };
}
