// The names of the Lucide icons in static/icons.svg.

export const ICONS = [
  "activity", "arrow-down", "arrow-left", "arrow-right", "arrow-up", "ban", "check", "check-check", "chevron-down",
  "chevron-right", "circle", "circle-alert", "circle-check", "circle-dashed", "circle-dot", "circle-help", "circle-slash",
  "circle-stop", "circle-x", "clock", "cloud-off", "code-xml", "columns-2", "command", "copy", "corner-down-right",
  "download", "eye", "file-code", "file-diff", "file-up", "git-compare", "hourglass", "info", "keyboard", "list-checks",
  "loader-circle", "lock", "log-in", "log-out", "message-square", "monitor", "moon", "pencil", "play", "plus",
  "rotate-ccw", "search", "send-horizontal", "shield-check", "skip-forward", "sparkles", "square", "sun", "timer",
  "trash-2", "triangle-alert", "undo-2", "user", "users", "wifi", "wifi-off", "wrap-text", "x", "zap",
  "workflow", "redo-2", "maximize", "zoom-in", "zoom-out", "wand-sparkles", "history", "network", "spline", "link", "upload", "list-tree", "repeat",
];
