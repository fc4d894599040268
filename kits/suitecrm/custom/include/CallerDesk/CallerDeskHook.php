<?php
if (!defined('sugarEntry') || !sugarEntry) {
    die('Not A Valid Entry Point');
}

require_once __DIR__ . '/CallerDesk.php';

/**
 * A rule rings when a field comes to hold a value; a button stands above the record's detail view.
 */
class CallerDeskHook
{
    /** Values from before the save; SuiteCRM may have overwritten its own note of them by `after_save`. */
    private static $before = array();
    /** Records that rang in this request: other hooks may save them again. */
    private static $rang = array();

    public function remember($bean, $event, $arguments)
    {
        $fields = array_keys(self::rule($bean));
        if ($fields) {
            $row = is_array($bean->fetched_row) ? $bean->fetched_row : array();
            self::$before[spl_object_hash($bean)] = array_intersect_key($row, array_flip($fields));
        }
    }

    public function changed($bean, $event, $arguments)
    {
        $before = isset(self::$before[spl_object_hash($bean)]) ? self::$before[spl_object_hash($bean)] : array();
        foreach (self::rule($bean) as $field => $value) {
            $was = isset($before[$field]) ? (string) $before[$field] : '';
            if ((string) $bean->$field !== (string) $value || $was === (string) $value) {
                continue;
            }
            if (empty(self::$rang[$bean->id])) {
                self::$rang[$bean->id] = true;
                list($status) = CallerDesk::ask($bean->module_name, $bean->id, 'rule', bin2hex(random_bytes(16)), 3);
                if ($status < 200 || $status > 299) {
                    $GLOBALS['log']->fatal("CallerDesk: the click of {$bean->module_name} {$bean->id} came to $status");
                }
            }
        }
    }

    public function button($event, $arguments)
    {
        $module = isset($_REQUEST['module']) ? $_REQUEST['module'] : '';
        $action = isset($_REQUEST['action']) ? $_REQUEST['action'] : '';
        $record = isset($_REQUEST['record']) ? $_REQUEST['record'] : '';
        if ($action !== 'DetailView' || !$record || !in_array($module, CallerDesk::config('modules', array()), true)) {
            return;
        }
        $what = json_encode(array('module' => $module, 'record' => $record), JSON_HEX_TAG | JSON_HEX_AMP);
        echo '<script>' . str_replace('{"WHAT":0}', $what, file_get_contents(__DIR__ . '/button.js')) . '</script>';
    }

    /** Field and value that ring, of this record's module. */
    private static function rule($bean)
    {
        $rules = CallerDesk::config('rules', array());
        return isset($bean->module_name, $rules[$bean->module_name]) ? $rules[$bean->module_name] : array();
    }
}
