package postoffice

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"tallyman/internal/sample"
	"tallyman/internal/testing/load"
)

// Show has a mail with bills and an order export arrive in an office, runs "tallyman mail" on
// it, and writes down what was sent, what was run, what it said, and the answer.
func Show(ctx context.Context, w io.Writer, program string) error {
	return load.Run(func() { show(ctx, w, program) })
}

func show(ctx context.Context, w io.Writer, program string) {
	shipment := load.Invent(sample.Options{Bills: 2, Lines: 4, Seed: 7})
	f := load.Must(Open(Options{}))
	defer f.Close()
	files := []Attachment{{"bol.pdf", shipment.Bills}, {"orders.csv", shipment.Orders}}
	load.Check(f.Deliver("INBOX", Compose("Ann <ann@shipper.example>", "4711@shipper.example", "Shipment 4711", files...)))
	fmt.Fprintln(w, "A mail arrives, from Ann <ann@shipper.example>: Shipment 4711")
	for _, a := range files {
		fmt.Fprintf(w, "  attached: %s\n", a.Name)
	}
	dir := load.Must(os.MkdirTemp("", "tallyman-mail-*"))
	defer os.RemoveAll(dir)
	args := []string{"mail", "--imap", "imap+plain://" + f.IMAP, "--smtp", "smtp+plain://" + f.SMTP, "--user", User,
		"--from", "@shipper.example", "--format", "xlsx,csv", "--log", "text", "--once"}
	fmt.Fprintf(w, "\n$ tallyman %s\n", strings.Join(args, " "))
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "TALLYMAN_MAIL_PASSWORD="+Password, "XDG_DATA_HOME="+dir)
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	fmt.Fprint(w, stamp.ReplaceAllString(said.String(), ""))
	if err != nil {
		load.Fail("tallyman mail: %w", err)
	}
	sent := f.Sent()
	if len(sent) != 1 || len(f.Folder("INBOX")) != 0 || len(f.Folder("Done")) != 1 {
		load.Fail("%d answers were sent, %d mails are in INBOX and %d in Done", len(sent), len(f.Folder("INBOX")), len(f.Folder("Done")))
	}
	fmt.Fprintln(w, "\nThe mail is in Done now, and this is the answer:")
	showAnswer(w, sent[0].Raw)
}

var stamp = regexp.MustCompile(`(?m)^time=\S+ `)

func showAnswer(w io.Writer, raw []byte) {
	m := load.Must(mail.ReadMessage(bytes.NewReader(raw)))
	for _, name := range []string{"To", "Subject", "In-Reply-To", "Auto-Submitted"} {
		fmt.Fprintf(w, "  %s: %s\n", name, m.Header.Get(name))
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	load.Check(err)
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return
		}
		load.Check(err)
		if p.FileName() == "" {
			text := load.Must(io.ReadAll(quotedprintable.NewReader(p)))
			fmt.Fprintf(w, "\n  %s\n", strings.ReplaceAll(strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n")), "\n", "\n  "))
			continue
		}
		content := load.Must(io.ReadAll(base64.NewDecoder(base64.StdEncoding, p)))
		fmt.Fprintf(w, "\n  attached: %s\n", p.FileName())
		if strings.HasSuffix(p.FileName(), ".csv") {
			showSheet(w, content)
		}
	}
}

// showSheet writes the columns of a sheet that are not empty.
func showSheet(w io.Writer, content []byte) {
	rows := load.Must(csv.NewReader(bytes.NewReader(content)).ReadAll())
	for _, row := range rows {
		var cells []string
		for i, cell := range row {
			for _, other := range rows[1:] {
				if other[i] != "" {
					cells = append(cells, cell)
					break
				}
			}
		}
		fmt.Fprintf(w, "  %s\n", strings.Join(cells, ","))
	}
}
