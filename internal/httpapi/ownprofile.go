package httpapi

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi/body"
	"tallyman/internal/profile"
	"tallyman/internal/session"
)

// The profile of an owner, which all sessions of the owner begin with. It is written only
// over the revision that its writer saw, which the entity tag of GET names.

// profileMedia are the media types of profiles.
var profileMedia = []string{"application/toml", body.JSON, "text/plain", body.Octets}

// profileAnswer is the answer of GET /profile as JSON.
type profileAnswer struct {
	// Revision is 0 if the owner has no profile; the settings are the defaults then.
	Revision int64 `json:"revision"`
	// Version names the settings; JSON of sheets has it as "profile". It is "" without a
	// profile.
	Version string `json:"version"`
	// Profile are the settings, as PUT takes them.
	Profile any `json:"profile"`
	// TOML is the profile as text.
	TOML string `json:"toml"`
}

// writtenAnswer is the answer of PUT /profile.
type writtenAnswer struct {
	simpleAnswer
	Revision int64  `json:"revision"`
	Version  string `json:"version"`
}

// tomlOf returns a profile as TOML: as it was written, if it was written so.
func tomlOf(own desk.OwnProfile) []byte {
	if text := strings.TrimLeft(strings.TrimPrefix(string(own.Text), "\ufeff"), " \t\r\n"); strings.HasPrefix(text, "{") {
		return own.Profile.TOML()
	}
	return own.Text
}

// profileTag returns the entity tag of a revision, of whatever format.
func profileTag(revision int64) string { return strconv.Quote(strconv.FormatInt(revision, 10)) }

// handleGetProfile answers with the caller's profile, or with the default one.
func handleGetProfile(c *call) (any, error) {
	own, err := c.s.desk.Profile(c.r.Context(), c.caller.owner)
	if err != nil {
		return nil, err
	}
	c.note("revision", int(own.Revision))
	c.w.Header().Set("ETag", profileTag(own.Revision))
	c.w.Header().Add("Vary", "Accept")
	format := strings.ToLower(c.query("format"))
	switch {
	case format != "" && format != "toml" && format != "json":
		return nil, fault.New(fault.BadRequest, "a profile can be had as toml or json, not as %.40q", format)
	case format == "json", format == "" && wantsJSON(c.r):
		p, version := profile.Default(), ""
		if own.Profile != nil {
			p, version = own.Profile, own.Profile.Sheet.Version
		}
		return profileAnswer{own.Revision, version, json.RawMessage(p.JSON()), string(tomlOf(own))}, nil
	}
	b := tomlOf(own)
	return &file{name: "profile.toml", contentType: "application/toml", size: int64(len(b)), write: written(b)}, nil
}

// handlePutProfile writes the caller's profile.
func handlePutProfile(c *call) (a writtenAnswer, err error) {
	if kinds := c.r.Header.Values("Content-Type"); len(kinds) > 0 {
		kind, _, err := mime.ParseMediaType(kinds[0])
		if err != nil || len(kinds) > 1 || !slices.Contains(profileMedia, kind) {
			return a, fault.New(body.UnsupportedType, "a profile is TOML or JSON; send it with Content-Type: application/toml")
		}
	}
	text, err := io.ReadAll(io.LimitReader(c.body, profile.MostBytes+1))
	if err != nil {
		return a, err
	}
	if err := c.stillAllowed(); err != nil {
		return a, err
	}
	if _, err := profile.Parse(text); err != nil { // before it is compared: that is what people can mend
		return a, err
	}
	over, err := c.overRevision()
	if err != nil {
		return a, err
	}
	own, err := c.s.desk.PutProfile(c.r.Context(), c.caller.owner, over, text)
	if err != nil {
		return a, err
	}
	c.note("revision", int(own.Revision))
	c.w.Header().Set("ETag", profileTag(own.Revision))
	message := "The profile was written. Bills that are uploaded or processed from now on follow it."
	return writtenAnswer{success(message), own.Revision, own.Profile.Sheet.Version}, nil
}

// overRevision returns the revision over which a profile is to be written.
func (c *call) overRevision() (int64, error) {
	tag := c.r.Header.Get("If-Match")
	switch {
	case tag == "*":
		return c.s.desk.ProfileRevision(c.r.Context(), c.caller.owner)
	case tag == "" && c.r.Header.Get("If-None-Match") == "*":
		return 0, nil
	case tag == "":
		tag = c.query("revision")
	}
	if revision, err := strconv.ParseInt(strings.Trim(tag, `"`), 10, 64); err == nil && revision >= 0 {
		return revision, nil
	}
	return 0, fault.New(fault.BadRequest, "say over which revision the profile is written: send the ETag of GET /profile as If-Match, \"0\" if there is none yet, or * for any")
}

// mapColumns tells an upload what the request says about the columns of its order export.
// It returns the mapping, and whether it is to be remembered.
func (c *call) mapColumns(in *desk.Incoming, values map[string][]string) (columns []string, remember bool, err error) {
	for _, several := range slices.Concat(c.values["map"], values["map"]) {
		for one := range strings.Lines(several) {
			if one = strings.TrimSpace(one); one != "" {
				columns = append(columns, one)
			}
		}
	}
	for _, word := range slices.Concat(c.values["remember"], values["remember"]) {
		switch strings.ToLower(word) {
		case "1", "true", "yes", "on":
			remember = true
		case "", "0", "false", "no", "off":
		default:
			return nil, false, fault.New(fault.BadRequest, "remember is true or false, not %.40q", word)
		}
	}
	if remember && len(columns) == 0 {
		return nil, false, fault.New(fault.BadRequest, "there is nothing to remember: name the columns with map, as in map=Qty=cartons")
	}
	return columns, remember, in.MapColumns(columns)
}

// remember adds a mapping of columns to the caller's profile, after an upload that used it.
// It returns warnings.
func (c *call) remember(columns []string) []string {
	own, err := c.s.desk.Remember(c.r.Context(), c.caller.owner, columns)
	if err != nil {
		_, a := translate(err)
		return []string{fmt.Sprintf("The orders were attached, but their columns were not remembered: %s", a.Error)}
	}
	c.note("profile", int(own.Revision))
	return nil
}

var put = []string{http.MethodPut}

// profileRoutes are the routes of the owner's profile.
func profileRoutes() []*route {
	return []*route{{path: "/profile", methods: get, op: "profile",
		summary: "Your profile: what your house does its own way. As TOML with every setting explained, or as JSON",
		queries: []parameter{{name: "format", in: "query", about: "toml by default, or json", values: []string{"toml", "json"}}},
		media:   []string{"application/toml"},
		answer:  reflect.TypeFor[profileAnswer](), handle: handleGetProfile}, typed(route{path: "/profile", methods: put, op: "put_profile", changes: true,
		summary: "Write your profile, if nobody else has since you read it",
		queries: []parameter{
			{name: "If-Match", in: "header", about: "the ETag of the profile that you read, \"0\" if there was none; * for any"},
			{name: "revision", in: "query", about: "the same without quotation marks, for programs that cannot send the header"},
		},
		bodies: rawDocs(profileMedia[:2], "the profile, at most 64 KB"),
		faults: []fault.Code{fault.BadRequest, fault.TooLarge, body.UnsupportedType, body.RequestTimeout, profile.BadProfile, session.ProfileChanged},
	}, handlePutProfile)}
}
