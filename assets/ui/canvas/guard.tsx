// What is shown instead of a form for values of other types than it expects.
import { Component, type ReactNode } from "react";
import type { OnCode } from "../editor/broken";

export class Guard extends Component<{ onCode: OnCode; children: ReactNode }, { hasFailed: boolean }> {
  override state = { hasFailed: false };
  static getDerivedStateFromError() { return { hasFailed: true }; }
  override render() {
    if (!this.state.hasFailed) return this.props.children;
    return <><p className="t2">The values of this step have types that the form cannot show.</p><div><button type="button" className="btn" onClick={() => this.props.onCode()}>Edit in code</button></div></>;
  }
}
