"""Images, video and speech: made by the models of a provider, or on this machine where no key is configured."""
