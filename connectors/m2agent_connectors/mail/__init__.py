"""What mail services share: the query language, mails as text, result lines, writing a mail."""
