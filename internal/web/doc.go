// Package web serves what one watcher sees to many viewers over HTTP: the tables as JSON, a stream of what changes, and a page.
//
// A Hub reads the machine once for all of them. A Server answers requests from what the hub has; it decides who may see what
// (Access), and refuses what a web page of somebody else could make a browser send. docs/api.md and openapi.json describe the
// interface, docs/decisions/0019-serve.md why it is so.
package web
