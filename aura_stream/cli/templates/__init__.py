"""`aura-stream templates`: the verbs of the template store, one module for those that belong together."""
