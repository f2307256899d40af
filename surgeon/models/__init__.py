"""Opening any model, reading it into a `LayerGraph`, and the mechanics of an edit."""
