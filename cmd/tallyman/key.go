package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"tallyman/internal/fault"
	"tallyman/internal/keys"
	"tallyman/internal/session"
)

const keyHelp = `Makes, lists and removes the keys that callers of the service need. The name of a
key is the owner of the sessions made with it: the same session ID under two keys
is two sessions.

Usage: tallyman key add NAME [--admin] [--data DIR | --store ADDRESS]
       tallyman key list [--data DIR | --store ADDRESS]
       tallyman key remove NAME [--data DIR | --store ADDRESS]

A key is shown once, when it is made; only its hash is kept. A running server
notices changes within seconds.
`

func runKey(ctx context.Context, std streams, args []string) (int, error) {
	var o storageOptions
	var admin bool
	flags := newFlags(std, "key", keyHelp)
	flags.StringVar(&o.data, "data", dataDir(), "the server's data `DIR` (or TALLYMAN_DATA)")
	flags.StringVar(&o.store, "store", "", "the `ADDRESS` of the server's sessions and keys, if it has one (or TALLYMAN_STORE)")
	flags.BoolVar(&admin, "admin", false, "with add: a key that sees what is going on in everybody's sessions, and may profile the server")
	if err := parse(flags, args); err != nil {
		return exitFailed, err
	}
	o.connections = 1
	if err := fromEnvironment(flags, "data", "store"); err != nil {
		return exitFailed, err
	}
	if err := o.check(flags); err != nil {
		return exitFailed, err
	}
	what := flags.Arg(0)
	if admin && what != "add" {
		return exitFailed, misuse(flags, "--admin is an option of \"key add\" only")
	}
	at, err := o.ring(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		return exitFailed, err
	}
	code, err := changeKeys(ctx, std, at.keys, flags, admin)
	if err = errors.Join(err, at.close()); err != nil {
		return exitFailed, err
	}
	return code, nil
}

// changeKeys executes a command line about keys.
func changeKeys(ctx context.Context, std streams, ring keys.Ring, flags *pflag.FlagSet, admin bool) (int, error) {
	what := flags.Arg(0)
	switch {
	case what == "add" && flags.NArg() == 2:
		return addKey(ctx, std, ring, flags, admin)
	case what == "list" && flags.NArg() == 1:
		return listKeys(ctx, std, ring)
	case what == "remove" && flags.NArg() == 2:
		if err := ring.Remove(ctx, session.Owner(flags.Arg(1))); err != nil {
			return exitFailed, err
		}
		fmt.Fprintf(std.err, "The key of %s is not valid any more.\n", visible(flags.Arg(1)))
		if left, err := ring.All(ctx); err == nil && len(left) == 0 {
			fmt.Fprintln(std.err, "It was the last one. A running server lets nobody in now; started anew on this machine's own address it serves without keys.")
		}
		return exitOK, nil
	}
	return exitFailed, misuse(flags, "use \"key add NAME\", \"key list\" or \"key remove NAME\"")
}

// addKey makes a key. Only the key itself goes to standard output, so that scripts
// can read it from there.
func addKey(ctx context.Context, std streams, ring keys.Ring, flags *pflag.FlagSet, admin bool) (int, error) {
	name := flags.Arg(1)
	secret, err := ring.Add(ctx, session.Owner(name), admin)
	if err != nil {
		return exitFailed, err
	}
	if _, err := fmt.Fprintln(standardOutput{std.out}, secret); err != nil {
		// A key that the user did not see is useless.
		_ = ring.Remove(context.WithoutCancel(ctx), session.Owner(name))
		return exitFailed, err
	}
	fmt.Fprintf(std.err, "This is the key of %s. It is not shown again; callers send it as \"Authorization: Bearer KEY\".\n", visible(name))
	return exitOK, nil
}

func listKeys(ctx context.Context, std streams, ring keys.Ring) (int, error) {
	all, err := ring.All(ctx)
	if err != nil {
		return exitFailed, err
	}
	if len(all) == 0 {
		fmt.Fprintln(std.err, "There are no keys.")
		return exitOK, nil
	}
	table := tabwriter.NewWriter(standardOutput{std.out}, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tADMIN\tCREATED")
	for _, k := range all {
		admin := "no"
		if k.Admin {
			admin = "yes"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", visible(string(k.Name)), admin, k.Created.Format("2006-01-02"))
	}
	if err := table.Flush(); err != nil {
		return exitFailed, fault.In("listing the keys", err)
	}
	return exitOK, nil
}
