"""`fimbria console` and `fimbria chat`: a conversation with the model in this terminal.

`command` reads the options, `modes` says what each capability asks for, `talk` what has been said
and what is asked next, `reading` and `piped` where texts come from, `printing` where answers go,
`commands` what a slash begins, `loop` puts them together.
"""
