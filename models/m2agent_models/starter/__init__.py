"""The starter: SmolLM2-135M, taught M2's format and the tour's tasks by an adapter that ships here.

`build` puts it together from the public weights and the adapter. How the adapter was trained is in
the folder `models/training` of the source.
"""
