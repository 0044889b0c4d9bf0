package browsertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tallyman/internal/testing/must"
	"tallyman/internal/testing/receiver"
	"tallyman/internal/testing/service"
	"tallyman/internal/webhook"
)

// withWebhooks lets webhooks go to this machine.
func withWebhooks(t *testing.T, o *service.Options) {
	t.Helper()
	policy, err := webhook.NewPolicy([]string{"http://localhost:*"}, []string{"127.0.0.1", "::1"})
	must.OK(t, err)
	o.Webhooks = policy
}

// posts makes a request to the server, beside the page.
func (p *place) posts(path string, v, into any) {
	p.t.Helper()
	b, err := json.Marshal(v)
	must.OK(p.t, err)
	answer := p.answer(http.Post(p.URL+path, "application/json", bytes.NewReader(b)))
	if into != nil {
		must.OK(p.t, json.Unmarshal(answer, into))
	}
}

// hook adds a webhook to which an event goes that is answered with a status.
func (p *place) hook(path string, status int) *receiver.Receiver {
	p.t.Helper()
	r, err := receiver.Start(receiver.None)
	must.OK(p.t, err)
	p.t.Cleanup(r.Close)
	r.Answer(path, receiver.Status(status, ""))
	var made struct {
		Webhook struct{ ID string }
		Secret  string
	}
	p.posts("/webhooks", map[string]any{"url": r.URL + path, "note": "n8n"}, &made)
	r.Expect(path, made.Secret)
	p.posts("/webhooks/"+made.Webhook.ID+"/ping", nil, nil)
	for { // the page shows what had happened when it was opened
		b := p.answer(http.Get(p.URL + "/webhooks/deliveries"))
		if !bytes.Contains(b, []byte(`"waiting"`)) && !bytes.Contains(b, []byte(`"sending"`)) {
			return r
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestWebhooksAreMadeAndFollowedInThePage(t *testing.T) {
	p := newPlace(t, func(o *service.Options) { withWebhooks(t, o) })
	r, err := receiver.Start(receiver.None)
	must.OK(t, err)
	t.Cleanup(r.Close)
	w := p.open()
	w.ready()
	w.click("#webhooks")
	w.until("document.querySelector('.addhook fieldset input')")

	// An address that the operator does not allow is refused, and stays to be corrected.
	w.run("document.getElementById('hook-url').value = 'https://hooks.example.com/x'")
	w.click(".addhook .primary")
	w.until("document.querySelector('#webhooks-dialog .error')")
	w.says("#webhooks-dialog .error", "does not allow webhooks to hooks.example.com")
	w.at("#hook-url")

	w.run(fmt.Sprintf("document.getElementById('hook-url').value = %q", r.URL+"/x"))
	w.run("document.getElementById('hook-note').value = 'Loads'")
	w.click(".addhook .primary")
	w.until("document.getElementById('hook-secret')?.value.startsWith('whsec_') && document.querySelector('.hooks li')")
	w.at("#hook-secret")
	secret := value[string](w, "document.getElementById('hook-secret').value")
	r.Expect("/x", secret)
	w.says(".hooks", "Loads", "On", r.URL+"/x", "A sheet is ready")

	// A test arrives, and is listed.
	w.click(".hooks [aria-label='Send a test to Loads']")
	r.Wait(nil, func(got []receiver.Got) bool { return len(got) == 1 })
	w.until("document.querySelector('.deliverylist .chip.ok')")
	w.says(".deliverylist", "Test", "Delivered")

	// What fails says why, and is sent again from the list.
	r.Answer("/x", receiver.Status(410, ""))
	w.click(".hooks [aria-label='Send a test to Loads']")
	w.until("document.querySelector('.deliverylist .chip.bad')")
	w.says(".deliverylist", "Given up", "It answered 410 Gone.")
	w.must(w.Reload())
	w.ready()
	w.click("#webhooks")
	w.until("document.querySelector('.hooks li .chip.bad')")
	w.says(".hooks", "Off")
	r.Answer("/x", nil)
	w.click(".hooks [aria-label='Switch on: Loads']")
	w.until("document.querySelector('.hooks li .chip.ok')")
	w.click(".deliverylist tr:has(.chip.bad) button")
	w.until("!document.querySelector('.deliverylist .chip.bad') && document.querySelectorAll('.deliverylist .chip.ok').length === 2")
	if got, bad := r.Got(), r.Bad(); len(bad) > 0 || len(got) != 3 || got[1].ID != got[2].ID {
		t.Errorf("%+v, %q", got, bad)
	}

	// A new secret is shown once; the old one is kept for a day.
	w.click(".hooks [aria-label='New secret for Loads']", "#ask .primary")
	w.until("document.getElementById('hook-secret')?.value.startsWith('whsec_')")
	if next := value[string](w, "document.getElementById('hook-secret').value"); next == secret {
		t.Error("the secret is the old one")
	}
	w.says(".hooks", "The secret before signs as well until")
	w.click("#webhooks-dialog > .buttons button", "#webhooks")
	w.until("document.querySelector('.hooks li') && document.querySelector('.secret').hidden")

	w.click(".hooks [aria-label='Remove Loads']", "#ask .primary")
	w.until("!document.querySelector('.hooks li')")
	w.click("#webhooks-dialog > .buttons button")

	// The page in Spanish.
	p.hook("/given-up", 410)
	w.language("es")
	w.until("!document.getElementById('webhooks').hidden")
	w.click("#webhooks")
	w.until("document.querySelector('.deliverylist .chip.bad')")
	w.says("#webhooks-dialog", "Añadir un webhook", "Abandonado", "Respondió 410 Gone.", "Apagado")
	if text := w.text("#webhooks-dialog"); english.MatchString(strings.NewReplacer("sheet.ready", "", "sheet.changed", "", "upload.failed", "").Replace(text)) {
		t.Errorf("English is left: %s", text)
	}
}

func TestThereIsNoPlaceForWebhooksWhereThereAreNone(t *testing.T) {
	w := newPlace(t).open()
	w.ready()
	if hidden := value[bool](w, "document.getElementById('webhooks').hidden"); !hidden {
		t.Error("the page offers webhooks")
	}
}
