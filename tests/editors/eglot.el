;; Plays a person in Emacs with eglot: types, completes at point, accepts, saves. Run in batch mode
;; with the file, the keys to type, and the server's command.

(make-directory user-emacs-directory t)
(setq native-comp-jit-compilation nil
      native-comp-enable-subr-trampolines nil
      make-backup-files nil
      create-lockfiles nil
      eglot-sync-connect 60
      eglot-autoshutdown t
      eglot-send-changes-idle-time 0)
(require 'eglot)

(defun play (file keys &rest server)
  (find-file file)
  (python-mode)
  (eglot--connect '(python-mode) (project-current t) 'eglot-lsp-server server '("python"))
  (eglot--maybe-activate-editing-mode)
  (goto-char (point-max))
  (backward-char)
  (mapc (lambda (key) (let ((last-command-event key)) (self-insert-command 1))) keys)
  (completion-at-point)
  (save-buffer)
  (eglot-shutdown (eglot-current-server)))

(apply #'play command-line-args-left)
(setq command-line-args-left nil)
