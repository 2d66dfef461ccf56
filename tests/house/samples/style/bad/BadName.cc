// expect-line 1: file-name
int value = 0;
