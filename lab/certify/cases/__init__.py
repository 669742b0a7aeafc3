"""The cases, by what they prove; ``lab.certify.catalogue`` puts them together."""
