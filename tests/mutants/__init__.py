"""Mutants: each protection against loss, taken away, must make a named test fail (`make mutants`).

A test that passes with and without the protection that it is about proves nothing. So each mutant takes one away, in
a copy of the code, and runs the test that is there to notice. The product holds no switch for that.
"""
