// What the first steps have a newcomer try: a text, and the key after which a suggestion is due.
// tests/editors/test_vscode_sample.py holds that the starter goes on with it rightly.

export const TEXT = "import logging\n\nlogger =";
export const KEY = " ";
