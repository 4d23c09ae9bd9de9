"""A skill without dependencies. Inputs are keyword arguments; the returned value is the result."""

GREETINGS = {
    "en": "Hello, {name}!",
    "de": "Hallo, {name}!",
    "es": "¡Hola, {name}!",
    "fr": "Bonjour, {name} !",
    "it": "Ciao, {name}!",
}


def greet(name: str, language: str) -> dict[str, str]:
    """Greet a person in one of five languages."""
    return {"greeting": GREETINGS[language].format(name=name)}
