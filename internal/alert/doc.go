// Package alert tells others what is new: a command that it runs, a webhook that it calls. Both are history.Sinks.
//
// Neither can hold up the recorder: each has a bounded queue of its own, and what has no room in it is counted and said. News
// that was stored and not told is in the history (sockeye history --news).
package alert
