// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import RunbookEditor
import RunbookSource

extension LanguageServer {
    mutating func answer(_ method: String, _ parameters: JSON) throws(Failure) -> JSON {
        if let uri = parameters["textDocument"]?["uri"]?.stringValue {
            self.settle(uri)
            self.documents[uri]?.document.prepare()
        }
        switch (self.state, method) {
        case (.fresh, "initialize"): return self.initialize(parameters)
        case (.fresh, _): throw Failure(code: -32_002, message: "the first request is 'initialize'")
        case (.ready, "initialize"): throw Failure(code: -32_600, message: "'initialize' was sent already")
        case (.shutDown, _): throw Failure(code: -32_600, message: "nothing is answered after 'shutdown'")
        case (.ready, "shutdown"):
            self.state = .shutDown
            return .null
        case (.ready, "textDocument/completion"): return try self.complete(parameters)
        case (.ready, "textDocument/hover"): return try self.hover(parameters)
        case (.ready, "textDocument/definition"): return try self.definition(parameters)
        case (.ready, "textDocument/references"): return try self.references(parameters)
        case (.ready, "textDocument/prepareRename"): return try self.prepareRename(parameters)
        case (.ready, "textDocument/rename"): return try self.rename(parameters)
        case (.ready, "textDocument/documentSymbol"): return try self.symbols(parameters)
        case (.ready, "textDocument/codeAction"): return try self.codeActions(parameters)
        case (.ready, _): throw Failure(code: -32_601, message: "there is no method '\(method)' here")
        }
    }

    private mutating func initialize(_ parameters: JSON) -> JSON {
        let offered = parameters["capabilities"]?["general"]?["positionEncodings"]?.arrayValue ?? []
        self.encoding = offered.contains("utf-8") ? .utf8 : .utf16
        self.state = .ready
        return [
            "capabilities": [
                "positionEncoding": .string(self.encoding.rawValue),
                "textDocumentSync": ["openClose": true, "change": 2],
                "completionProvider": ["triggerCharacters": [".", " ", "{", "(", "-"]],
                "hoverProvider": true, "definitionProvider": true, "referencesProvider": true,
                "renameProvider": ["prepareProvider": true], "documentSymbolProvider": true,
                "codeActionProvider": ["codeActionKinds": ["quickfix"]],
            ],
            "serverInfo": ["name": "selfheal", "version": .string(self.configuration.version)],
        ]
    }

    // MARK: Places

    private struct Place {
        let uri: String
        let document: RunbookDocument
        let positions: TextPositions
    }

    private func place(_ parameters: JSON) throws(Failure) -> Place {
        guard let uri = parameters["textDocument"]?["uri"]?.stringValue else {
            throw .invalid("the request names no document")
        }
        guard let open = self.documents[uri] else {
            throw .invalid("'\(uri)' is not open")
        }
        return Place(
            uri: uri,
            document: open.document,
            positions: TextPositions(file: open.document.file, encoding: self.encoding)
        )
    }

    private func cursor(_ parameters: JSON) throws(Failure) -> (Place, offset: Int) {
        let place = try self.place(parameters)
        guard let offset = place.positions.offset(of: parameters["position"]) else {
            throw .invalid("the request has no position")
        }
        return (place, offset)
    }

    // MARK: Answers

    private func complete(_ parameters: JSON) throws(Failure) -> JSON {
        let (place, offset) = try self.cursor(parameters)
        let (items, replaced) = place.document.completions(at: offset)
        let range = place.positions.json(replaced)
        let list = items.prefix(Self.completionLimit).map { item in
            var members = [
                JSONMember("label", .string(item.label)), JSONMember("kind", .int(item.kind.number)),
                JSONMember("sortText", .string("\(item.rank)\(item.label)")),
                JSONMember("filterText", .string(item.label)),
                JSONMember("textEdit", ["range": range, "newText": .string(item.text)]),
            ]
            if let detail = item.detail {
                members.append(JSONMember("detail", .string(detail)))
            }
            if let documentation = item.documentation {
                members.append(
                    JSONMember("documentation", ["kind": "markdown", "value": .string(documentation)])
                )
            }
            return JSON.object(members)
        }
        return ["isIncomplete": .bool(items.count > Self.completionLimit), "items": .array(Array(list))]
    }

    /// A runbook may have ten thousand steps; nobody reads a list of them.
    private static let completionLimit = 1_000

    private func hover(_ parameters: JSON) throws(Failure) -> JSON {
        let (place, offset) = try self.cursor(parameters)
        guard let hover = place.document.hover(at: offset, page: self.configuration.page) else {
            return .null
        }
        return [
            "contents": ["kind": "markdown", "value": .string(hover.text)], "range": place.positions.json(hover.span),
        ]
    }

    private func definition(_ parameters: JSON) throws(Failure) -> JSON {
        let (place, offset) = try self.cursor(parameters)
        if let call = place.document.calls.first(where: { $0.span.contains(utf8Offset: offset) }) {
            let start: JSON = ["line": 0, "character": 0]
            return ["uri": .string(self.uri(ofPath: call.path)), "range": ["start": start, "end": start]]
        }
        return place.document.definition(at: offset).map { self.location($0.span, place) } ?? .null
    }

    private func references(_ parameters: JSON) throws(Failure) -> JSON {
        let (place, offset) = try self.cursor(parameters)
        let includesDefinition = parameters["context"]?["includeDeclaration"]?.boolValue ?? true
        let mentions = place.document.references(at: offset).filter { includesDefinition || !$0.isDefinition }
        return .array(mentions.map { self.location($0.span, place) })
    }

    private func location(_ span: SourceSpan, _ place: Place) -> JSON {
        ["uri": .string(place.uri), "range": place.positions.json(span)]
    }

    private func prepareRename(_ parameters: JSON) throws(Failure) -> JSON {
        let (place, offset) = try self.cursor(parameters)
        guard let mention = place.document.index?.mention(at: offset),
            place.document.definition(at: offset) != nil
        else {
            return .null
        }
        return ["range": place.positions.json(mention.span), "placeholder": .string(mention.symbol.name)]
    }

    private func rename(_ parameters: JSON) throws(Failure) -> JSON {
        let (place, offset) = try self.cursor(parameters)
        guard let name = parameters["newName"]?.stringValue else {
            throw .invalid("the request has no new name")
        }
        do throws(RunbookDocument.RenameProblem) {
            return self.workspaceEdit(try place.document.rename(at: offset, to: name), place)
        } catch {
            throw Failure(code: -32_803, message: error.message)
        }
    }

    private func workspaceEdit(_ edits: [TextEdit], _ place: Place) -> JSON {
        let edits = edits.map { edit -> JSON in
            ["range": place.positions.json(edit.span), "newText": .string(edit.text)]
        }
        return ["changes": .object([JSONMember(place.uri, .array(edits))])]
    }

    private func symbols(_ parameters: JSON) throws(Failure) -> JSON {
        let place = try self.place(parameters)
        return .array((place.document.index?.outline ?? []).map { Self.symbol($0, place.positions) })
    }

    private static func symbol(_ outline: RunbookIndex.Outline, _ positions: TextPositions) -> JSON {
        let kind: Int64 =
            switch outline.kind {
            case .step: 6
            case .parameter, .setting: 13
            case .selection: 18
            case .variable: 13
            }
        return [
            "name": .string(outline.name.isEmpty ? "(no name)" : outline.name), "detail": .string(outline.detail),
            "kind": .int(kind), "range": positions.json(outline.span.joined(with: outline.nameSpan)),
            "selectionRange": positions.json(outline.nameSpan),
            "children": .array(outline.children.map { self.symbol($0, positions) }),
        ]
    }

    private func codeActions(_ parameters: JSON) throws(Failure) -> JSON {
        let place = try self.place(parameters)
        guard let range = place.positions.range(of: parameters["range"]) else {
            throw .invalid("the request has no range")
        }
        return .array(
            place.document.fixes(in: range).map { fix in
                [
                    "title": .string(fix.title), "kind": "quickfix", "edit": self.workspaceEdit(fix.edits, place),
                    "diagnostics": [self.json(fix.diagnostic, place.positions)],
                ]
            }
        )
    }
}

extension Completion.Kind {
    /// As the protocol numbers them.
    fileprivate var number: Int64 {
        switch self {
        case .key: 10
        case .verb: 14
        case .word: 12
        case .step: 18
        case .selection: 18
        case .parameter: 6
        case .variable: 6
        case .field: 5
        case .function: 3
        }
    }
}
