// The built-in tools of agents, and what each may do. A test compares the names with those of the validator.

const READS = "reads", WRITES = "writes files", NETWORK = "uses the network", COSTS = "may cost money", RUNS = "runs code";

/** A tool: its name, what it does, and its effects. */
type BuiltinTool = [name: string, text: string, effects: string[]];

export const GROUPS: [title: string, tools: BuiltinTool[]][] = [
  ["Files and commands", [
    ["bash", "Run shell commands in the sandbox", [RUNS, WRITES]],
    ["file_read", "Read files of the workspace and the drive", [READS]],
    ["file_write", "Write files", [WRITES]],
    ["file_edit", "Replace text in files", [WRITES]],
    ["todo_write", "Keep a list of tasks", []],
  ]],
  ["Web and drive", [
    ["web_search", "Search the web", [NETWORK, COSTS]],
    ["web_fetch", "Read web pages", [NETWORK]],
    ["download_url", "Download files from URLs", [NETWORK, WRITES]],
    ["drive_url", "Create links that open files of the drive for others", ["shares files"]],
    ["drive_pull", "Copy files of the drive to the workspace", [READS]],
  ]],
  ["Images, video and audio", [
    ["generate_image", "Create images", [COSTS]],
    ["generate_video", "Create videos", [COSTS]],
    ["generate_audio", "Create speech and sounds", [COSTS]],
    ["transcribe", "Turn speech into text", [COSTS]],
  ]],
  ["Memory", [
    ["memory_search", "Search the memory", [READS]],
    ["memory_get", "Read a record of the memory", [READS]],
    ["memory_put", "Store a record in the memory", ["writes memory"]],
    ["memory_forget", "Delete a record from the memory", ["writes memory"]],
  ]],
  ["Skills", [
    ["describe_subagent", "Read what another skill does", [READS]],
    ["run_subagent", "Run another skill", [COSTS]],
  ]],
];

/** Submits the result; every agent needs it. */
export const ALWAYS = "set_output";

export const NAMES = GROUPS.flatMap(([, tools]) => tools.map(([name]) => name));
