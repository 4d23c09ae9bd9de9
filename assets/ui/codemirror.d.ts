// The part of CodeMirror's Markdown parser that is used without an editor. The packages of the editor are not installed for the type check.
declare module "@codemirror/lang-markdown" {
  interface SyntaxNode {
    name: string;
    from: number;
    to: number;
    firstChild: SyntaxNode | null;
    nextSibling: SyntaxNode | null;
  }
  export const markdownLanguage: { parser: { parse: (text: string) => { topNode: SyntaxNode } } };
}
