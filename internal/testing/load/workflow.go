package load

import (
	"bytes"
	"context"
	"os"
	"time"

	"github.com/spf13/pflag"

	"tallyman/client"
	"tallyman/internal/sample"
)

// Parse parses the command line: the documents to send, about 86 invented pages by default, and
// the time of each measurement, at most a minute. It ends the program at an error.
func Parse() (d Documents, each time.Duration) {
	bol := pflag.String("bol", "", "the PDF of bills")
	orders := pflag.String("orders", "", "its order export")
	pflag.DurationVar(&each, "time", 5*time.Second, "how long each measurement lasts")
	pflag.Parse()
	if *bol == "" {
		d = Invent(sample.Options{Bills: 83, Lines: 366, Seed: 1})
	} else {
		d = Documents{Must(os.ReadFile(*bol)), Must(os.ReadFile(*orders))}
	}
	return d, min(each, time.Minute)
}

// Peak watches the memory of processes, each with its children, until it is stopped:
// then it returns the highest memory of one of them, in MB.
func Peak(pids ...int) (stop func() float64) {
	stopped, most := make(chan struct{}), make(chan float64)
	go func() {
		peak := 0.0
		for {
			for _, pid := range pids {
				now, _ := Memory(pid)
				peak = max(peak, now)
			}
			select {
			case <-stopped:
				most <- peak
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return func() float64 { close(stopped); return <-most }
}

// upload returns both as a client uploads them.
func (d Documents) upload() (bills, orders client.Upload) {
	return client.Upload{Name: "bol.pdf", Content: bytes.NewReader(d.Bills)},
		client.Upload{Name: "orders.csv", Content: bytes.NewReader(d.Orders)}
}

// Workflow runs clear, new, upload, upload-csv, download-bol, clear.
func (d Documents) Workflow(ctx context.Context, c *client.Client) error {
	bills, orders := d.upload()
	_, err := c.Run(ctx, bills, &orders)
	return err
}

// Fill leaves the client's session with bills and orders.
func (d Documents) Fill(ctx context.Context, c *client.Client) error {
	bills, orders := d.upload()
	if _, err := c.UploadBills(ctx, false, bills); err != nil {
		return err
	}
	_, err := c.UploadOrders(ctx, orders)
	return err
}
