"""Let applications call skills with the SDKs of OpenAI: `model` is a skill, and each response is one job."""
