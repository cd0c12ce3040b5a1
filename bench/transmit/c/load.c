/* The client of bench/transmit: connections that ask for a file again and again, each as soon as it has the whole answer.
 * What comes is dropped by the kernel (MSG_TRUNC). Prints one line with what the server's processor did for an answer.
 *
 *   load -p PORT -P SERVER_PID [-n CONNECTIONS] [-d SECONDS] [-r PATH] [-t BYTES]
 *
 * Without -t the length of an answer is learned from its HTTP head. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNS = 4096, WARM_MS = 300, PATIENCE_MS = 5000 };

static char request[512];
static int request_len;
static uint64_t answer_len;
static int fds[MAX_CONNS];
static uint64_t got[MAX_CONNS];

static void fail(const char *what) {
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* server_cpu is the time that all threads of a process have run, in ns. */
static uint64_t server_cpu(int pid) {
	char name[300];
	uint64_t sum = 0, v;
	snprintf(name, sizeof name, "/proc/%d/task", pid);
	DIR *dir = opendir(name);
	if (!dir)
		fail(name);
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof name, "/proc/%d/task/%.20s/schedstat", pid, e->d_name);
		FILE *f = fopen(name, "r");
		if (!f)
			continue;
		if (fscanf(f, "%lu", &v) == 1)
			sum += v;
		fclose(f);
	}
	closedir(dir);
	return sum;
}

/* packets is how many loopback has carried, both ways. */
static uint64_t packets(void) {
	uint64_t v = 0;
	FILE *f = fopen("/sys/class/net/lo/statistics/tx_packets", "r");
	if (f) {
		if (fscanf(f, "%lu", &v) != 1)
			v = 0;
		fclose(f);
	}
	return v;
}

static int dial(int port) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;
	struct linger reset = {1, 0}; /* no TIME_WAIT is left for the next run */
	for (int tries = 0; tries < 300; tries++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			fail("socket");
		if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) {
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
			return fd;
		}
		close(fd); /* the server starts */
		usleep(10000);
	}
	fail("connect");
	return -1;
}

static void ask(int fd) {
	if (write(fd, request, request_len) != request_len)
		fail("write");
}

/* learn receives one answer and finds its length in the head. */
static void learn(int fd) {
	static char buf[1 << 16];
	uint64_t have = 0, body;
	char *end, *length;
	ask(fd);
	for (;;) {
		ssize_t n = read(fd, buf + have, sizeof buf - 1 - have);
		if (n <= 0)
			fail("the first answer");
		have += n;
		buf[have] = 0;
		if ((end = strstr(buf, "\r\n\r\n")))
			break;
	}
	if (strncmp(buf, "HTTP/1.1 200", 12) || !(length = strcasestr(buf, "content-length:")))
		fail("the answer has no length");
	body = strtoull(length + 15, NULL, 10);
	answer_len = end + 4 - buf + body;
	while (have < answer_len) {
		ssize_t n = recv(fd, buf, answer_len - have, MSG_TRUNC);
		if (n <= 0)
			fail("the first answer");
		have += n;
	}
}

/* drain takes what has come on a connection, and reports whether the answer is complete. */
static int drain(int i, uint64_t *bytes) {
	static char byte[1];
	for (;;) {
		ssize_t n = recv(fds[i], byte, 1 << 30, MSG_TRUNC);
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			fail("the connection has ended");
		*bytes += n;
		got[i] += n;
		if (got[i] > answer_len)
			fail("more came than was asked for");
		if (got[i] == answer_len) {
			got[i] = 0;
			return 1;
		}
	}
}

int main(int argc, char **argv) {
	int conns = 1, port = 0, pid = 0, opt;
	double seconds = 2;
	const char *path = "/";
	while ((opt = getopt(argc, argv, "n:p:P:d:t:r:")) > 0)
		switch (opt) {
		case 'n': conns = atoi(optarg); break;
		case 'p': port = atoi(optarg); break;
		case 'P': pid = atoi(optarg); break;
		case 'd': seconds = atof(optarg); break;
		case 't': answer_len = strtoull(optarg, NULL, 10); break;
		case 'r': path = optarg; break;
		default: return 2;
		}
	if (conns < 1 || conns > MAX_CONNS || !port || !pid)
		return 2;
	request_len = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);
	int ep = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < conns; i++)
		fds[i] = dial(port);
	if (!answer_len)
		learn(fds[0]);
	for (int i = 0; i < conns; i++) {
		struct epoll_event ev = {.events = EPOLLIN, .data.u32 = i};
		fcntl(fds[i], F_SETFL, O_NONBLOCK);
		epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &ev);
		ask(fds[i]);
	}
	struct epoll_event events[256];
	uint64_t begin = now() + WARM_MS * 1000000ull, end = 0, answers = 0, bytes = 0, cpu = 0, packs = 0;
	for (;;) {
		int n = epoll_wait(ep, events, 256, PATIENCE_MS);
		uint64_t t = now();
		if (n == 0)
			fail("nothing comes any more");
		if (!end && t >= begin) { /* what came before was to warm up */
			begin = t;
			end = t + (uint64_t)(seconds * 1e9);
			answers = bytes = 0;
			cpu = server_cpu(pid);
			packs = packets();
		}
		if (end && t >= end)
			break;
		for (int k = 0; k < n; k++) {
			int i = events[k].data.u32;
			if (drain(i, &bytes)) {
				answers++;
				ask(fds[i]);
			}
		}
	}
	double took = (now() - begin) / 1e9;
	cpu = server_cpu(pid) - cpu;
	packs = packets() - packs;
	if (!answers)
		fail("no answer");
	printf("rps=%.0f srvcpu_us=%.3f cpu_per_gb=%.1f pkts=%.2f\n", answers / took, cpu / 1e3 / answers, cpu / 1e6 / (bytes / 1e9), (double)packs / answers);
	return 0;
}
