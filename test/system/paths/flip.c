/* Swaps two names so many times: `flip A B TIMES`. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **words) {
  if (count != 4) return 64;
  for (long left = atol(words[3]); left > 0;)
    if (renameat2(AT_FDCWD, words[1], AT_FDCWD, words[2], RENAME_EXCHANGE) == 0) left--;
  return 0;
}
