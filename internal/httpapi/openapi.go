package httpapi

import (
	"encoding"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi/body"
	"tallyman/internal/jobs"
	"tallyman/internal/session"
)

// object is a JSON object of the description.
type object = map[string]any

// describe makes the OpenAPI 3.1 description of the table of routes: paths from
// its rows, schemas from the types that the handlers answer with.
func describe(rs []*route, c Config) []byte {
	s := schemas{}
	s.of(reflect.TypeFor[errorAnswer]())
	s["errorAnswer"].(object)["properties"].(object)["code"] = object{
		"type": "string", "enum": allCodes(), "description": "identifies the kind of error for programs",
	}
	paths := object{}
	for _, rt := range rs {
		item, ok := paths[rt.path].(object)
		if !ok {
			item = object{}
			paths[rt.path] = item
		}
		for _, m := range rt.methods {
			item[strings.ToLower(m)] = operation(s, rt, m)
		}
	}
	doc := object{
		"openapi": "3.1.0",
		"info": object{
			"title": serviceName, "version": c.Version,
			"description": "Make load sheets from bills of lading and order exports. The workflow is: clear, new, upload, upload-csv, download-bol, clear. " +
				"Use one session ID throughout: your own, or one from POST /new-session.",
			"license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers":    []any{object{"url": "/"}},
		"paths":      paths,
		"components": object{"schemas": s, "securitySchemes": securitySchemes},
	}
	b, err := json.Marshal(doc)
	if err != nil {
		panic("the description of the routes is not JSON: " + err.Error())
	}
	return b
}

var securitySchemes = object{
	"bearer": object{"type": "http", "scheme": "bearer"},
	"header": object{"type": "apiKey", "in": "header", "name": "X-API-Key"},
}

func allCodes() []fault.Code {
	all := slices.Sorted(maps.Keys(statuses))
	return slices.DeleteFunc(all, func(code fault.Code) bool { return code == fault.Cancelled })
}

// sessionParameters are the parameters that name the session, on every route that uses
// one.
func sessionParameters() []any {
	name := object{"type": "string", "minLength": 1, "maxLength": session.MaxIDBytes}
	return []any{
		object{"name": "_sid", "in": "query", "description": "the session's ID, any text", "schema": name},
		object{"name": "session_id", "in": "query", "description": "the same", "schema": name},
		object{"name": "X-Session-ID", "in": "header", "description": "the same", "schema": name},
		object{"name": "_action", "in": "query", "description": "new_session begins a new, empty session first", "schema": object{"type": "string", "enum": []string{"new_session"}}},
	}
}

func operation(s schemas, rt *route, method string) object {
	op := object{
		"operationId": strings.ToLower(method) + strings.NewReplacer("/", "_", "-", "_", "{", "", "}", "", ".", "_").Replace(rt.path),
		"summary":     rt.summary,
	}
	var params []any
	if rt.op != "" || rt.changes {
		params = sessionParameters()
	}
	for _, p := range rt.queries {
		schema := object{"type": "string"}
		if p.values != nil {
			schema["enum"] = p.values
		}
		params = append(params, object{"name": p.name, "in": p.in, "description": p.about, "schema": schema, "required": p.required || p.in == "path"})
	}
	if params != nil {
		op["parameters"] = params
	}
	if rt.bodies != nil {
		op["requestBody"] = requestBody(rt.bodies, !rt.optional)
	}
	if rt.public {
		op["security"] = []any{}
	} else {
		op["security"] = []any{object{}, object{"bearer": []string{}}, object{"header": []string{}}}
	}
	op["responses"] = responses(s, rt)
	return op
}

func requestBody(bodies []bodyDoc, required bool) object {
	content := object{}
	for _, b := range bodies {
		if b.fields == nil {
			content[b.media] = object{"schema": object{"description": b.about}}
			continue
		}
		properties, required := object{}, []string{}
		for _, f := range b.fields {
			schema := object{"type": "string", "description": f.about}
			if f.file {
				schema = object{"description": f.about, "contentMediaType": "application/octet-stream"}
			}
			if f.many {
				schema = object{"type": "array", "items": schema}
			}
			properties[f.name] = schema
			if f.required {
				required = append(required, f.name)
			}
		}
		content[b.media] = object{"schema": object{"type": "object", "properties": properties, "required": required}}
	}
	return object{"required": required, "content": content}
}

// sessionFaults are the codes of every route that can change a session: with _action
// that is every route but static files.
var sessionFaults = []fault.Code{
	session.BadID, Unauthorized, ReadOnly, fault.Busy, desk.OwnerLimit, blob.StorageFull, blob.StorageUnavailable, fault.Internal,
}

// allFaults returns all codes that a route can answer with. The tests provoke each of
// them on each route.
func (rt *route) allFaults() []fault.Code {
	all := []fault.Code{BadHost, CrossOrigin, fault.BadRequest, fault.TooLarge, body.RequestTimeout, fault.Cancelled}
	if !rt.static {
		all = append(all, sessionFaults...)
	}
	all = append(all, rt.faults...)
	slices.Sort(all)
	return slices.Compact(all)
}

func responses(s schemas, rt *route) object {
	content := object{}
	for _, media := range rt.media {
		content[media] = object{"schema": object{}}
	}
	if rt.answer != nil {
		content["application/json"] = object{"schema": s.of(rt.answer)}
	}
	out := object{"200": object{"description": "success", "content": content}}
	if rt.accepted {
		out = object{"202": object{"description": "accepted; done later", "content": content, "headers": object{
			"Location": object{"description": "where to ask what became of it", "schema": object{"type": "string"}},
		}}}
	}
	if slices.Contains(rt.faults, BadRange) {
		out["206"] = object{"description": "the part that the header Range names, of files whose length is known", "content": content}
		out["304"] = object{"description": "the file still has the ETag of the header If-None-Match"}
	}
	byStatus := map[int][]string{}
	for _, code := range rt.allFaults() {
		if code != fault.Cancelled {
			byStatus[statuses[code]] = append(byStatus[statuses[code]], string(code))
		}
	}
	for status, codes := range byStatus {
		r := object{
			"description": http.StatusText(status) + ": " + strings.Join(codes, ", "),
			"content":     object{"application/json": object{"schema": s.of(reflect.TypeFor[errorAnswer]())}},
		}
		if status == http.StatusServiceUnavailable || slices.Contains(codes, string(jobs.TooMany)) {
			r["headers"] = object{"Retry-After": object{"description": "seconds to wait", "schema": object{"type": "integer"}}}
		}
		out[strconv.Itoa(status)] = r
	}
	if rt.answer == reflect.TypeFor[healthAnswer]() {
		busy := out["503"].(object)
		busy["description"] = "storage or the PDF workers fail; or " + busy["description"].(string)
		busy["content"] = object{"application/json": object{"schema": object{"anyOf": []any{s.of(rt.answer), s.of(reflect.TypeFor[errorAnswer]())}}}}
	}
	return out
}

// schemas are the components of the description, by name.
type schemas object

// of returns the schema of the JSON that encoding/json makes of a type.
func (s schemas) of(t reflect.Type) object {
	switch {
	case t.Kind() == reflect.Pointer:
		return nullable(s.of(t.Elem()))
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Struct:
		if _, known := s[t.Name()]; !known {
			s[t.Name()] = object{} // for types that contain themselves
			s[t.Name()] = s.structure(t)
		}
		return object{"$ref": "#/components/schemas/" + t.Name()}
	case reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Interface:
		return object{}
	}
	panic("no schema for " + t.String())
}

func nullable(schema object) object {
	if kind, ok := schema["type"].(string); ok {
		schema["type"] = []string{kind, "null"}
		return schema
	}
	return object{"anyOf": []any{schema, object{"type": "null"}}}
}

func (s schemas) structure(t reflect.Type) object {
	properties, required := object{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous { // its fields are those of the structure
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		properties[name] = s.of(f.Type)
		if !strings.Contains(options, "omitempty") {
			required = append(required, name)
		}
	}
	return object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

func handleOpenAPI(c *call) (any, error) {
	c.w.Header().Set("Content-Type", "application/json")
	c.w.Header().Set("Content-Length", strconv.Itoa(len(c.s.openAPI)))
	c.w.Write(c.s.openAPI)
	return nil, nil
}

// docsAnswer is the answer of /api/docs.
type docsAnswer struct {
	Service     string                 `json:"service"`
	Version     string                 `json:"version"`
	Description string                 `json:"description"`
	OpenAPI     string                 `json:"openapi"`
	Endpoints   map[string]endpointDoc `json:"endpoints"`
}

// endpointDoc describes one route in short.
type endpointDoc struct {
	Description string            `json:"description"`
	Parameters  map[string]string `json:"parameters,omitempty"`
}

func handleAPIDocs(c *call) (any, error) {
	a := docsAnswer{
		Service: serviceName, Version: c.s.config.Version, OpenAPI: "/openapi.json",
		Description: "Make load sheets from bills of lading and order exports.", Endpoints: map[string]endpointDoc{},
	}
	for _, rt := range c.s.routes {
		d := endpointDoc{Description: rt.summary, Parameters: map[string]string{}}
		for _, p := range rt.queries {
			d.Parameters[p.name] = p.about
		}
		for _, b := range rt.bodies {
			for _, f := range b.fields {
				d.Parameters[f.name] = f.about
			}
		}
		for _, m := range rt.methods {
			a.Endpoints[m+" "+rt.path] = d
		}
	}
	return a, nil
}
