package httpapi

import (
	"time"

	"tallyman/internal/session"
)

// sessionsAnswer is the answer of /sessions.
type sessionsAnswer struct {
	Sessions []sessionView `json:"sessions"`
	// Total counts the sessions on all pages.
	Total int `json:"total"`
	// Next is the value of "after" for the next page, null on the last.
	Next *string `json:"next"`
}

// sessionView is a session of the caller's key.
type sessionView struct {
	// SessionID is whole, even if the server minted it: it is of no use without the key.
	SessionID string `json:"session_id"`
	// Kind is "named" or "browser".
	Kind session.Kind `json:"kind"`
	// Status is as in /status.
	Status string `json:"status"`
	// Name is the name of the first file of the BOL, "" if there is none.
	Name  string `json:"name"`
	Files int    `json:"files"`
	// CreatedAt is when it began, ExpiresAt when it ends unless it is used before.
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

// handleSessions answers with the sessions of the caller's key, and with none where there
// are no keys: there all callers share one owner, and whoever knows a session's ID may use
// it.
func handleSessions(c *call) (a sessionsAnswer, err error) {
	a.Sessions = []sessionView{}
	if c.caller.owner == session.Local {
		return a, nil
	}
	page, next, err := c.listSessions(c.caller.owner)
	if err != nil {
		return a, err
	}
	for _, st := range page.Sessions {
		v := sessionView{
			SessionID: string(st.Key.ID), Kind: st.Kind, Status: statusOf(st, true), Files: len(st.Inputs()),
			CreatedAt: st.Created, LastUsedAt: st.LastUsed, ExpiresAt: st.Expires,
		}
		if len(st.BOL) > 0 {
			v.Name = st.BOL[0].Name
		}
		a.Sessions = append(a.Sessions, v)
	}
	a.Total, a.Next = page.Total, next
	return a, nil
}
