"""How ids compare: by code point, as in Python and in every CRM's export, not by a language's rules."""

CODE_POINT_ORDER = "C"
