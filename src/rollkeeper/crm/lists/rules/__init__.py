"""List rules: react-querybuilder's JSON in, one parameterised query for constituent ids out."""
