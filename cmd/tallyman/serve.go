package main

import (
	"context"

	"tallyman/fault"
)

func runServe(ctx context.Context, std streams, args []string) (int, error) {
	flags := newFlags(std, "serve", "Runs the service and the web page.\n\nUsage: tallyman serve\n")
	if err := parse(flags, args); err != nil {
		return exitFailed, err
	}
	return exitFailed, fault.New(fault.BadRequest,
		"the service is not part of this version yet; make load sheets with \"tallyman sheet --orders orders.csv bol.pdf -o load.xlsx\"")
}
