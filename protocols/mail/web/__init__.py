"""The stored mail in a browser, and an API for the tests of programs that send mail."""
