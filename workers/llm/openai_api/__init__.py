"""Call models that speak an API of OpenAI: Chat Completions or Responses. Loaded when the first one is called."""
