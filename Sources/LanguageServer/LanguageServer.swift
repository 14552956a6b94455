// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary
package import RunbookEditor
import RunbookLanguage
package import RunbookSource

/// Answers an editor in the Language Server Protocol, 3.17.
///
/// It is a value: messages go in, messages come out, and nothing is sent. What is read, which is the runbooks that an open one calls, is read
/// by a function that is handed in. Whatever a client sends, it answers or ignores; no message ends it but `exit`.
package struct LanguageServer {
    package struct Configuration: Sendable {
        package let version: String
        package let languages: EditorLanguages
        /// The page about a verb in Markdown.
        package let page: @Sendable (String) -> String?
        /// A file by its path: a runbook that is called and not open.
        package let read: @Sendable (String) -> SourceFile?
        /// Whether the system has a time zone of this name.
        package let knowsZone: @Sendable (String) -> Bool

        package init(
            version: String,
            languages: EditorLanguages,
            page: @escaping @Sendable (String) -> String?,
            knowsZone: @escaping @Sendable (String) -> Bool = { _ in true },
            read: @escaping @Sendable (String) -> SourceFile?
        ) {
            self.version = version
            self.languages = languages
            self.page = page
            self.read = read
            self.knowsZone = knowsZone
        }
    }

    enum State {
        case fresh
        case ready
        case shutDown
    }

    struct Open {
        var document: RunbookDocument
        var version: Int64?
        /// Whether its diagnostics have not been told since it changed.
        var isUntold = true
    }

    /// Answers to requests, with a code of the protocol when they fail.
    struct Failure: Error {
        let code: Int64
        let message: String

        static func invalid(_ message: String) -> Self { Self(code: -32_602, message: message) }
    }

    let configuration: Configuration
    var state = State.fresh
    var encoding = TextPositions.Encoding.utf16
    var documents: [String: Open] = [:]
    /// The exit status, once the client has said `exit`.
    package private(set) var exitStatus: Int32?

    /// How many files an editor may have open.
    private static let documentLimit = 256

    package init(_ configuration: Configuration) {
        self.configuration = configuration
    }

    // MARK: Messages

    /// Answers one message; diagnostics come from ``tellDiagnostics()``, once all that has arrived is handled.
    package mutating func handle(_ frame: MessageFraming.Frame) -> [JSON] {
        switch frame {
        case .unreadable(let problem):
            return [Self.response(.null, failure: Failure(code: -32_700, message: problem))]
        case .message(let bytes):
            do throws(JSONError) {
                return self.handle(try JSON(parsing: bytes, limits: JSONLimits(bytes: MessageFraming.messageLimit)))
            } catch {
                return [Self.response(.null, failure: Failure(code: -32_700, message: "\(error)"))]
            }
        }
    }

    private mutating func handle(_ message: JSON) -> [JSON] {
        let id = message["id"]
        guard let method = message["method"]?.stringValue else {
            // An answer to a question of ours: we ask none.
            if message["result"] != nil || message["error"] != nil {
                return []
            }
            return [Self.response(id ?? .null, failure: Failure(code: -32_600, message: "a message has no method"))]
        }
        let parameters = message["params"] ?? .null
        guard let id else {
            self.notify(method, parameters)
            return []
        }
        do throws(Failure) {
            return [["jsonrpc": "2.0", "id": id, "result": try self.answer(method, parameters)]]
        } catch {
            return [Self.response(id, failure: error)]
        }
    }

    private static func response(_ id: JSON, failure: Failure) -> JSON {
        ["jsonrpc": "2.0", "id": id, "error": ["code": .int(failure.code), "message": .string(failure.message)]]
    }

    // MARK: Notifications

    private mutating func notify(_ method: String, _ parameters: JSON) {
        switch method {
        case "exit": self.exitStatus = self.state.isShutDown ? 0 : 1
        case "textDocument/didOpen": self.open(parameters["textDocument"] ?? .null)
        case "textDocument/didChange": self.change(parameters)
        case "textDocument/didClose":
            if let uri = parameters["textDocument"]?["uri"]?.stringValue {
                self.documents[uri] = nil
                self.doubtCallers(besides: uri)
            }
        case "workspace/didChangeWatchedFiles": self.doubtCallers(besides: nil)
        default: break
        }
    }

    private mutating func open(_ item: JSON) {
        guard let uri = item["uri"]?.stringValue, let text = item["text"]?.stringValue,
            self.documents.count < Self.documentLimit
        else {
            return
        }
        let document = RunbookDocument(
            SourceFile(path: FileURI.path(of: uri), text: text),
            languages: self.configuration.languages
        )
        self.documents[uri] = Open(document: document, version: item["version"]?.intValue)
        self.doubtCallers(besides: uri)
    }

    private mutating func change(_ parameters: JSON) {
        guard let uri = parameters["textDocument"]?["uri"]?.stringValue, var open = self.documents[uri] else {
            return
        }
        var file = open.document.file
        for change in parameters["contentChanges"]?.arrayValue ?? [] {
            guard let text = change["text"]?.stringValue else {
                continue
            }
            if let range = TextPositions(file: file, encoding: self.encoding).range(of: change["range"]) {
                let bytes = file.utf8[..<range.lowerBound] + Array(text.utf8) + file.utf8[range.upperBound...]
                file = SourceFile(path: file.path, text: String(decoding: bytes, as: UTF8.self))
            } else if change["range"] == nil {
                file = SourceFile(path: file.path, text: text)
            }
        }
        open.document.edit(file)
        open.version = parameters["textDocument"]?["version"]?.intValue
        open.isUntold = true
        self.documents[uri] = open
        self.doubtCallers(besides: uri)
    }

    /// What a runbook calls may have changed; those that call none are not looked at again.
    private mutating func doubtCallers(besides uri: String?) {
        for (other, open) in self.documents where other != uri && !open.document.calls.isEmpty {
            self.documents[other]?.document.edit(open.document.file)
            self.documents[other]?.isUntold = true
        }
    }

    /// Looks at a text that has changed since it was last looked at.
    mutating func settle(_ uri: String) {
        guard self.documents[uri]?.document.isStale == true else {
            return
        }
        let open = self.documents.values.map { ($0.document.file.path, $0.document.file) }
        let files = Dictionary(open) { first, _ in first }
        let read = self.configuration.read
        // What is being typed counts, saved or not.
        self.documents[uri]?.document.analyze(
            loader: RunbookLoader(knowsZone: self.configuration.knowsZone) { files[$0] ?? read($0) }
        )
    }

    /// How the editor calls a file.
    func uri(ofPath path: String) -> String {
        self.documents.first { $0.value.document.file.path == path }?.key ?? FileURI.uri(of: path)
    }

    // MARK: Diagnostics

    /// The diagnostics of all files that have changed since the last time.
    package mutating func tellDiagnostics() -> [JSON] {
        var messages: [JSON] = []
        for uri in self.documents.keys.sorted() {
            self.settle(uri)
            guard let open = self.documents[uri], open.isUntold else {
                continue
            }
            self.documents[uri]?.isUntold = false
            let positions = TextPositions(file: open.document.file, encoding: self.encoding)
            var parameters = [
                JSONMember("uri", .string(uri)),
                JSONMember(
                    "diagnostics",
                    .array(open.document.diagnostics.map { self.json($0, positions) })
                ),
            ]
            if let version = open.version {
                parameters.append(JSONMember("version", .int(version)))
            }
            messages.append([
                "jsonrpc": "2.0", "method": "textDocument/publishDiagnostics", "params": .object(parameters),
            ])
        }
        return messages
    }
}

extension LanguageServer.State {
    var isShutDown: Bool {
        if case .shutDown = self { true } else { false }
    }
}

extension LanguageServer {
    /// A diagnostic as the protocol writes it.
    func json(_ diagnostic: Diagnostic, _ positions: TextPositions) -> JSON {
        let notes = diagnostic.notes.compactMap { note -> JSON? in
            guard let span = note.span, !span.isWholeFile else {
                return nil
            }
            let isHere = span.path == positions.file.path
            return [
                "location": [
                    "uri": .string(self.uri(ofPath: span.path)),
                    "range": isHere ? positions.json(span) : TextPositions.elsewhere(span),
                ],
                "message": .string(note.message),
            ]
        }
        let unplaced = diagnostic.notes.filter { $0.span == nil }.map { "\n\($0.message)" }.joined()
        let help = diagnostic.help.map { "\n\($0)" } ?? ""
        return [
            "range": positions.json(diagnostic.span), "severity": diagnostic.severity == .error ? 1 : 2,
            "code": .string("\(diagnostic.code)"), "source": "selfheal",
            "message": .string(diagnostic.message + unplaced + help), "relatedInformation": .array(notes),
        ]
    }
}
