// The inputs in the form of the playground, as the user types them. The widgets of the page share them: buttons use them when they are clicked.

export type Inputs = Record<string, unknown>;

let current: Inputs = {};

export const inputsNow = () => current;
export const setInputsNow = (inputs: Inputs) => { current = inputs; };
