package main

import (
	"bytes"
	"fmt"
	"maps"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/internal/session/sessiontest"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/postoffice"
)

// README shows the whole way of a mail, as "go run ./bench/mail" prints it.
func TestREADMEShowsWhatBecomesOfAMail(t *testing.T) {
	var b bytes.Buffer
	if err := postoffice.Show(t.Context(), &b, "tallyman"); err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	_, shown, _ := strings.Cut(string(must.Read(t, "../../README.md")), "$ go run ./bench/mail\n")
	shown, _, _ = strings.Cut(shown, "```")
	port := regexp.MustCompile(`127\.0\.0\.1:\d+`)
	plain := func(s string) string { return port.ReplaceAllString(s, "127.0.0.1:PORT") }
	if got := plain(b.String()); got != plain(shown) {
		t.Errorf("it prints\n%s\nand README shows\n%s", got, shown)
	}
}

func openOffice(t *testing.T) *postoffice.Office {
	t.Helper()
	f, err := postoffice.Open(postoffice.Options{})
	must.OK(t, err)
	t.Cleanup(f.Close)
	return f
}

// mailArgs are the arguments of "tallyman mail" for an office.
func mailArgs(f *postoffice.Office, state string, more ...string) []string {
	return append([]string{"mail", "--imap", "imap+plain://" + f.IMAP, "--smtp", "smtp+plain://" + f.SMTP, "--user", postoffice.User,
		"--from", "@shipper.example", "--state", state, "--log", "json"}, more...)
}

// With TALLYMAN_LONG=1 there are ten times as many mails, and a kill every few seconds. Each mail
// ends in one folder and has one answer: one that was under way at a kill may come twice, as the
// same bytes.
func TestEachMailHasOneOutcomeThroughKills(t *testing.T) {
	pairs, least, most := 12, 100*time.Millisecond, 900*time.Millisecond
	if sessiontest.Long() {
		pairs, least, most = 120, 2*time.Second, 5*time.Second
	}
	f := openOffice(t)
	t.Setenv("TALLYMAN_MAIL_PASSWORD", postoffice.Password)
	d := newDrop(t, pairs)
	want := map[string]string{} // the folder of each mail
	deliver := func(id string, failed bool, names ...string) {
		var files []postoffice.Attachment
		for _, name := range names {
			files = append(files, postoffice.Attachment{Name: name, Content: d.files[name]})
		}
		if want[id] = "Done"; failed {
			want[id] = "Failed"
		}
		must.OK(t, f.Deliver("INBOX", postoffice.Compose("ann@shipper.example", id, id, files...)))
	}
	names := slices.Sorted(maps.Keys(d.files))
	for i, name := range names {
		switch export := d.orders[name]; {
		case export != "" && i%3 == 0: // bills and orders in mails of their own
			deliver(name, false, name)
			deliver(export, false, export)
		case export != "":
			deliver(name, false, name, export)
		case slices.ContainsFunc(names, func(b string) bool { return d.orders[b] == name }): // came with its bills
		default:
			deliver(name, d.failed[name], name)
		}
	}
	state := filepath.Join(t.TempDir(), "state")
	settled := func() bool {
		return len(f.Folder("Done"))+len(f.Folder("Failed")) == len(want) && len(f.Folder("INBOX")) == 0
	}
	var log bytes.Buffer
	kills := 0
	for ; kills < 5 || !settled(); kills++ {
		if kills > mostKills {
			t.Fatalf("mails are left after %d kills; the last log:\n%s", kills, log.String())
		}
		log.Reset()
		cmd := exec.Command("tallyman", mailArgs(f, state, "--every", "50ms", "--wait", "1s")...)
		cmd.Stderr = &log
		runUntilKilled(t, cmd, kills, least, most)
	}
	says(t, exitOK, mailArgs(f, state, "--once", "--wait", "0")...)
	got := map[string]string{}
	for _, folder := range []string{"INBOX", "Done", "Failed"} {
		for _, m := range f.Folder(folder) {
			id := idOf(t, m.Raw, "Message-Id")
			if got[id] != "" {
				t.Errorf("%s is in %s and in %s", id, got[id], folder)
			}
			got[id] = folder
		}
	}
	for id, folder := range want {
		if got[id] != folder {
			t.Errorf("%s is in %q, want %s", id, got[id], folder)
		}
	}
	answers, twice := map[string][]byte{}, 0
	for _, s := range f.Sent() {
		of := idOf(t, s.Raw, "In-Reply-To")
		switch before := answers[of]; {
		case want[of] == "":
			t.Errorf("an answer to %q", of)
		case before == nil:
			answers[of] = s.Raw
		case !bytes.Equal(before, s.Raw):
			t.Errorf("%s has two answers", of)
		default:
			twice++
		}
	}
	if len(answers) != len(want) || twice > kills {
		t.Errorf("%d of %d mails have answers; %d came twice in %d kills", len(answers), len(want), twice, kills)
	}
	t.Logf("%d mails, %d kills, %d answers came twice", len(want), kills, twice)
}

func idOf(t *testing.T, raw []byte, field string) string {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	must.OK(t, err)
	return strings.Trim(m.Header.Get(field), "<>")
}

func TestServeWorksOnTheMailboxOfAnOwner(t *testing.T) {
	data := t.TempDir()
	key := prints(t, "key", "add", "depot", "--admin", "--data", data)
	f := openOffice(t)
	settings := filepath.Join(t.TempDir(), "mail")
	must.OK(t, os.WriteFile(settings, []byte("# the mailbox of the depot\nTALLYMAN_IMAP=imap+plain://"+f.IMAP+"\nTALLYMAN_SMTP=\"smtp+plain://"+f.SMTP+"\"\nTALLYMAN_USER="+postoffice.User+
		"\nTALLYMAN_MAIL_PASSWORD="+postoffice.Password+"\nTALLYMAN_FROM=@shipper.example\nTALLYMAN_EVERY=100ms\n"), 0o600))
	d := newDrop(t, 1)
	must.OK(t, f.Deliver("INBOX", postoffice.Compose("ann@shipper.example", "1@x", "S", postoffice.Attachment{Name: "bol.pdf", Content: d.files["b0000.pdf"]},
		postoffice.Attachment{Name: "orders.csv", Content: d.files["o0001.csv"]})))
	s := startServer(t, data, nil, "--listen", "127.0.0.1:0", "--mail", "depot="+settings)
	s.measured(t, key, fmt.Sprintf(`tallyman_mailbox_outcomes_total{mailbox="%s@127.0.0.1/INBOX",outcome="done"} 1`, postoffice.User))
	must.Soon(t, func() bool { return len(f.Folder("Done")) == 1 }, "the mail is not in Done")
	if n := len(f.Sent()); n != 1 {
		t.Errorf("%d answers were sent", n)
	}
	s.end(t)
	out, err := exec.Command("tallyman", "doctor", "--data", data, "--mail", "depot="+settings).CombinedOutput()
	if !strings.Contains(string(out), "both servers take the login, and all folders are there") {
		t.Errorf("doctor: %v: %s", err, out)
	}
	f.Misbehave(postoffice.RefuseLogin, 1)
	refuses(t, "refuses the login", "doctor", "--data", data, "--mail", "depot="+settings)
	// A mailbox without a key, or with settings that are none, is refused.
	for at, says := range map[string]string{settings: "must name the key", "depot=" + filepath.Join(data, "keys.json"): "line 1 of"} {
		refuses(t, says, "serve", "--data", data, "--listen", "127.0.0.1:0", "--mail", at)
	}
}
