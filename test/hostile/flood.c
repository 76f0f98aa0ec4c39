/*
 * Sends datagrams at a rate that a script cannot: those of a file, one after the other and again, until a signal ends it.
 * Says how many it has sent and at what rate.
 *
 * usage: flood FROM TO PORT RATE FILE      addresses of IPv4; FILE: of each datagram two bytes of length, most significant
 *                                          first, and its bytes
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#define DATAGRAMS_MAX 4096
#define TURN_NS 1000000L /* a millisecond */

static volatile sig_atomic_t over = 0;
static struct iovec parts[DATAGRAMS_MAX];
static struct mmsghdr all[DATAGRAMS_MAX];

static void end(int signal) {
  (void)signal;
  over = 1;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static unsigned load(const char *name) {
  unsigned count = 0;
  unsigned char head[2];
  FILE *file = fopen(name, "rb");
  if (file == NULL) fail(name);
  while (count < DATAGRAMS_MAX && fread(head, 1, 2, file) == 2) {
    size_t length = (size_t)head[0] << 8 | head[1];
    unsigned char *bytes = malloc(length + 1);
    if (bytes == NULL || fread(bytes, 1, length, file) != length) fail(name);
    parts[count].iov_base = bytes;
    parts[count].iov_len = length;
    all[count].msg_hdr.msg_iov = &parts[count];
    all[count].msg_hdr.msg_iovlen = 1;
    count += 1;
  }
  fclose(file);
  return count;
}

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 6) return 64;
  struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
  inet_pton(AF_INET, argv[1], &from.sin_addr);
  inet_pton(AF_INET, argv[2], &to.sin_addr);
  to.sin_port = htons((unsigned short)atoi(argv[3]));
  double rate = atof(argv[4]);
  unsigned count = load(argv[5]);
  int line = socket(AF_INET, SOCK_DGRAM, 0);
  if (count == 0 || bind(line, (struct sockaddr *)&from, sizeof from) != 0) fail("bind");
  if (connect(line, (struct sockaddr *)&to, sizeof to) != 0) fail("connect");
  signal(SIGTERM, end);
  prctl(PR_SET_PDEATHSIG, SIGTERM); /* no test that fails leaves it behind */
  double begin = now();
  double sent = 0;
  unsigned at = 0;
  while (!over) {
    while (sent < (now() - begin) * rate && !over) {
      unsigned some = count - at < 64 ? count - at : 64;
      int done = sendmmsg(line, &all[at], some, 0);
      /* Nobody may listen just then, or the system may have no room: that was one of them. */
      unsigned moved = done > 0 ? (unsigned)done : 1;
      sent += moved;
      at = (at + moved) % count;
    }
    struct timespec turn = {0, TURN_NS};
    nanosleep(&turn, NULL);
  }
  printf("%.0f %.0f\n", sent, sent / (now() - begin));
  return 0;
}
