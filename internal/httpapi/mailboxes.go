package httpapi

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"tallyman/internal/mailbox"
	"tallyman/internal/pairing"
)

// mailboxes measures the mailboxes.
func mailboxes(states func() []mailbox.State) scraped {
	mails := prometheus.NewDesc("tallyman_mailbox_mails", "Mails of a mailbox: arriving (not read yet), waiting for bills or an order export, or answering (the answer is not sent yet).", []string{"mailbox", "state"}, nil)
	outcomes := prometheus.NewDesc("tallyman_mailbox_outcomes_total", "Mails of a mailbox by outcome (done, again, failed, left alone).", []string{"mailbox", "outcome"}, nil)
	retries := prometheus.NewDesc("tallyman_mailbox_retries_total", "How often something with a mailbox did not work, and was tried again.", []string{"mailbox"}, nil)
	away := prometheus.NewDesc("tallyman_mailbox_away", "1 while the servers of a mailbox cannot be used.", []string{"mailbox"}, nil)
	return scraped{[]*prometheus.Desc{mails, outcomes, retries, away}, func(gauge, count measurement) {
		for _, st := range states() {
			name := strings.ToValidUTF8(st.Mailbox, "�")
			gauge(mails, float64(st.Arriving), name, "arriving")
			gauge(mails, float64(st.Waiting), name, "waiting")
			gauge(mails, float64(st.Answering), name, "answering")
			for _, o := range pairing.Outcomes {
				count(outcomes, float64(st.Outcomes[o]), name, string(o))
			}
			count(outcomes, float64(st.Left), name, "left")
			count(retries, float64(st.Retries), name)
			gauge(away, flag(st.Away), name)
		}
	}}
}
