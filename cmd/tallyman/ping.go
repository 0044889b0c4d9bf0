package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"tallyman/internal/fault"
)

const pingHelp = `Asks a running server whether it is healthy: whether its storage and its PDF workers
really work. It is for health checks of containers, in which there is no other program,
and needs no key.

Usage: tallyman ping [--url URL] [--timeout TIME]

Without --url it asks the server of this machine, at the port of TALLYMAN_LISTEN or PORT.

Exit codes: 0 the server is healthy; 1 it is not, or does not answer in time.
`

func runPing(ctx context.Context, std streams, args []string) (int, error) {
	var at string
	var limit time.Duration
	flags := newFlags(std, "ping", pingHelp)
	flags.StringVar(&at, "url", "", "ask the server at this `URL`")
	flags.DurationVar(&limit, "timeout", 5*time.Second, "give up after this `TIME`")
	if err := parse(flags, args); err != nil {
		return exitFailed, err
	}
	if flags.NArg() > 0 {
		return exitFailed, misuse(flags, "there is no argument %q", flags.Arg(0))
	}
	if limit <= 0 {
		return exitFailed, misuse(flags, "--timeout must be more than 0")
	}
	if at == "" {
		var err error
		if at, err = ownURL(flags); err != nil {
			return exitFailed, err
		}
	}
	if u, err := url.Parse(at); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return exitFailed, misuse(flags, "--url %q is not a URL; give one such as http://127.0.0.1:8080", at)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it gave no answer within %v", limit))
	defer cancel()
	if err := ping(ctx, at); err != nil {
		return exitFailed, fault.New(fault.Unreadable, "the server at %s is not healthy: %w", at, err)
	}
	fmt.Fprintln(std.out, "healthy")
	return exitOK, nil
}

// ownURL is the URL of this machine's server, according to its environment. A server
// that listens on all addresses is called at localhost.
func ownURL(flags *pflag.FlagSet) (string, error) {
	at := defaultListen
	if listen := os.Getenv("TALLYMAN_LISTEN"); listen != "" {
		at = listen
	} else if port := os.Getenv("PORT"); port != "" {
		at = net.JoinHostPort("", port)
	}
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return "", misuse(flags, "TALLYMAN_LISTEN: %v; give HOST:PORT", err)
	}
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "localhost" // IPv4 or IPv6, whichever the server uses
	}
	return "http://" + net.JoinHostPort(host, port), nil
}

// maxHealth bounds the answer that is read, in bytes.
const maxHealth = 64 << 10

// ping fails unless the server reports that it is healthy.
func ping(ctx context.Context, at string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(at, "/")+"/health", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return errors.Unwrap(err) // the text of a url.Error repeats the address
	}
	defer resp.Body.Close()
	var a struct{ Status, Storage, Workers, Error string }
	switch err := json.NewDecoder(io.LimitReader(resp.Body, maxHealth)).Decode(&a); {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("it answers with status %d and without the JSON of Tallyman", resp.StatusCode)
	case a.Status == "healthy" && resp.StatusCode == http.StatusOK:
		return nil
	case a.Status == "":
		return fmt.Errorf("it answers with status %d: %s", resp.StatusCode, a.Error)
	}
	return fmt.Errorf("storage is %s, workers are %s", a.Storage, a.Workers)
}
